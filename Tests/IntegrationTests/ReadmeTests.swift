import Foundation
import Testing

// Goal: the README's examples work as they stand. Method: each block marked `# tested:` is run by bash, in their
// order, in a folder of its own that holds the checkout's `Workers`, with `millrace` on the PATH.

@Suite(.serialized, .timeLimit(.minutes(5))) struct ReadmeTests {
  private func blocks() throws -> [(name: String, script: String)] {
    let text = try String(contentsOfFile: Pipeline.checkout + "/README.md", encoding: .utf8)
    return text.components(separatedBy: "```sh\n# tested: ").dropFirst().compactMap { part in
      guard let end = part.range(of: "\n```"), let line = part.range(of: "\n") else { return nil }
      return (String(part[..<line.lowerBound]), String(part[line.upperBound..<end.lowerBound]))
    }
  }

  @Test("every example exits 0, in the README's order")
  func examples() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("readme-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/Workers", withDestinationPath: Pipeline.checkout + "/Workers")
    defer {
      _ = try? Pipeline.run(Pipeline.binary, ["down", "--state", folder + "/.millrace"])
      try? FileManager.default.removeItem(atPath: folder)
    }
    let path = URL(fileURLWithPath: Pipeline.binary).deletingLastPathComponent().path
    // What a run that was cut short left: the block that makes it would put its copy inside.
    try? FileManager.default.removeItem(atPath: "/tmp/millrace-pages")
    let blocks = try blocks()
    #expect(blocks.count >= 14)
    for block in blocks {
      let script = "set -e -o pipefail\ncd '\(folder)'\nexport PATH='\(path)':$PATH\n\(block.script)"
      // As README says: with KAFKA_HOME set, `up` starts Apache Kafka.
      var environment = Pipeline.isOnKafka ? ["KAFKA_HOME": try #require(Pipeline.kafkaHome)] : [:]
      environment["REDIS_DEADLINE"] = Pipeline.patientRedisDeadline
      let result = try Pipeline.run(
        "/usr/bin/timeout", ["90", "/bin/bash", "-c", script], environment: environment)
      // loadgen tells a machine that was too slow for its figures; nothing else may end badly.
      let isLate = block.name == "loadgen" && result.text.contains("the generator was late itself")
      #expect(result.code == (isLate ? 1 : 0), "\(block.name): \(result.text)\(result.error)")
    }
  }
}
