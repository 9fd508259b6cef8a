import Foundation
import Testing

// Goal: an idle pipeline uses almost no processor time. Method: the processor time of each process over ten seconds.
// This suite runs alone.

@Suite(.serialized, .timeLimit(.minutes(20))) struct IdleTests {
  @Test("each process of an idle pipeline uses almost no processor time")
  func idle() throws {
    let pipeline = try Pipeline()
    _ = try pipeline.millrace(["documents", "put", Pipeline.handbook + "/backups.md"])
    Thread.sleep(forTimeInterval: 2)
    // Apache Kafka is not our program, so its processor time does not count.
    let processes = try pipeline.processes().filter { $0.key != "kafka" }
    func shares() -> [String: Double] {
      let before = processes.mapValues(ProcessTable.cpuSeconds)
      let start = ContinuousClock.now
      Thread.sleep(forTimeInterval: 10)
      let time = (ContinuousClock.now - start) / .seconds(1)
      return processes.reduce(into: [:]) {
        $0[$1.key] = (ProcessTable.cpuSeconds($1.value) - (before[$1.key] ?? 0)) / time
      }
    }
    var found = shares()
    // Measure again if another program on this machine may have disturbed the first measurement. The lower value
    // counts.
    if found.values.contains(where: { $0 >= 0.03 }) { found.merge(shares()) { min($0, $1) } }
    for (role, share) in found {
      print("idle \(role): \(String(format: "%.2f", share * 100)) % of a core")
      // The target is 1 %. On a shared machine the measurement is not precise enough, so the limit here is 3 %.
      #expect(share < 0.03, "\(role)")
    }
  }
}
