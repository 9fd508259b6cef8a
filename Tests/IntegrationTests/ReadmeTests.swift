import Foundation
import Testing

// Goal: the READMEs' examples work. Method: bash runs each README block that is marked `# tested:`, in order, in a
// folder with the checkout's `Workers`, and with `millrace` on the PATH.

@Suite(.serialized, .timeLimit(.minutes(20))) struct ReadmeTests {
  private struct Block {
    var name: String
    var script: String
  }

  private static let readmes = ["README.md", "Workers/Millrace/README.md", "loadgen/README.md"]

  /// All `sh` blocks of the file.
  private static func blocks(of readme: String) throws -> [Block] {
    let text = try String(contentsOfFile: "\(Pipeline.checkout)/\(readme)", encoding: .utf8)
    return text.components(separatedBy: "```sh\n").dropFirst().compactMap { part in
      guard let end = part.range(of: "\n```"), let line = part.firstIndex(of: "\n") else { return nil }
      return Block(name: String(part[..<line]), script: String(part[line..<end.lowerBound]))
    }
  }

  @Test(
    "every sh block of every README is run here, or states why not",
    .enabled(if: !Pipeline.isOnKafka, "runs on the local broker only"))
  func everyBlock() throws {
    let files = try Pipeline.run("/usr/bin/env", ["git", "-C", Pipeline.checkout, "ls-files", "*.md"]).text
    var count = 0
    // The files of the demo are not READMEs with examples.
    for file in files.split(separator: "\n").map(String.init) where !file.hasPrefix("Workers/Millrace/Demo/")
    {
      for block in try Self.blocks(of: file) {
        count += 1
        let isTested = Self.readmes.contains(file) && block.name.hasPrefix("# tested: ")
        #expect(isTested || block.name.hasPrefix("# not run by the tests: "), "\(file): \(block.name)")
      }
    }
    #expect(count > 15, "the blocks were found")
  }

  @Test("every example of a README exits with 0, in order", arguments: readmes)
  func examples(_ readme: String) throws {
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
    let blocks = try Self.blocks(of: readme).filter { $0.name.hasPrefix("# tested: ") }
    #expect(blocks.count >= 2)
    for block in blocks {
      let script =
        "set -e -o pipefail\ncd '\(folder)'\nexport PATH='\(path)':$PATH\n"
        // Another run of the tests on this machine may use the same files under /tmp.
        + block.script.replacing("/tmp/", with: folder + "/")
      // With KAFKA_HOME set, `up` starts Apache Kafka.
      var environment = Pipeline.isOnKafka ? ["KAFKA_HOME": try #require(Pipeline.kafkaHome)] : [:]
      environment["REDIS_DEADLINE"] = Pipeline.patientRedisDeadline
      func run() throws -> Pipeline.Output {
        try Pipeline.run("/usr/bin/timeout", ["240", "/bin/bash", "-c", script], environment: environment)
      }
      var result = try run()
      // A busy machine may explain a miss.
      for _ in 0..<2 where (result.text + result.error).contains("did not come from the cache") {
        result = try run()
      }
      // loadgen may fail because the machine was too slow for its figures; nothing else may fail.
      let isLate = block.name.hasSuffix("loadgen") && result.text.contains("the generator itself was late")
      #expect(result.code == (isLate ? 1 : 0), "\(readme), \(block.name): \(result.text)\(result.error)")
    }
  }
}
