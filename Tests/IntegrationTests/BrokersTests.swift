import Foundation
import Testing

// Goal: what goes wrong with one broker holds up only what needs it. Method: several brokers of Apache Kafka, of which
// one is killed, comes late or takes rights away.

@Suite(
  .serialized, .timeLimit(.minutes(20)),
  .enabled(if: Pipeline.isOnKafka, "this drill needs three brokers of Apache Kafka"))
struct BrokersTests {
  @Test(
    "a partition below its minimum of in-sync replicas holds up its own queries only, and no deleted text is cited"
  )
  func threeBrokers() throws { try run("three_brokers.py") }

  @Test("the first offsets of groups wait for the coordinators of a cluster that has just started")
  func lateCoordinator() throws { try run("late_coordinator.py") }

  @Test("without a right a worker says so and is not ready, and nothing becomes a dead letter")
  func accessLists() throws { try run("access_lists.py") }

  private func run(_ script: String) throws {
    let home = try #require(Pipeline.kafkaHome)
    let output = try Pipeline.run(
      Pipeline.python, [Pipeline.checkout + "/Tests/Scripts/" + script, Pipeline.binary, home])
    print("\(script): \(output.text)")
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }
}
