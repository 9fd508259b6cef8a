import Foundation
import Testing

// Goal: the local broker behaves like Apache Kafka, hostile bytes harm no other client, and the ledger balances and
// reports what is lost or contradicting. Method: compare the same steps on both brokers; send random frames beside a
// normal client; read the ledger after good, bad, contradicting and lost records.

/// Runs `millrace broker` without a pipeline.
final class LoneBroker {
  let process = Process()
  let folder: String
  private(set) var address = ""

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("lone-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    process.executableURL = URL(fileURLWithPath: Pipeline.binary)
    process.arguments = [
      "broker", "--data", folder + "/data", "--broker-port", "0", "--port-file", folder + "/port", "--state",
      folder,
    ]
    _ = FileManager.default.createFile(atPath: folder + "/log", contents: nil)
    process.standardError = FileHandle(forWritingAtPath: folder + "/log")
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let isUp = eventually { FileManager.default.fileExists(atPath: folder + "/port") }
    try #require(isUp)
    let port = try String(contentsOfFile: folder + "/port", encoding: .utf8)
    address = "127.0.0.1:" + port.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  deinit {
    kill(process.processIdentifier, SIGKILL)
    try? FileManager.default.removeItem(atPath: folder)
  }
}

@Suite(.serialized, .timeLimit(.minutes(15))) struct NeighbourTests {
  @Test(
    "kcat, confluent-kafka and Kafka's own tools print the same on both brokers",
    .enabled(if: Pipeline.kafkaHome != nil, "KAFKA_HOME is not set"),
    .enabled(if: !Pipeline.isOnKafka, "runs on the local broker only"))
  func tools() throws {
    let home = try #require(Pipeline.kafkaHome)
    func steps(_ options: [String]) throws -> String {
      let pipeline = try Pipeline(options)
      let output = try Pipeline.run(
        "/bin/bash",
        [Pipeline.checkout + "/Tests/Scripts/broker_tools.sh", pipeline.kafka, home, Pipeline.python])
      return output.text + output.error
    }
    let ours = try steps([])
    let theirs = try steps(["--kafka-home", home])
    #expect(ours == theirs)
    #expect(ours.contains("Partition:0 Offset:2 a 3") && ours.contains("g1 tools 0 4 4 0"), "\(ours)")
    #expect(ours.contains("delete with members: NON_EMPTY_GROUP"), "\(ours)")
  }

  @Test(
    "100,000 random and mutated frames: the broker survives, another client's records stay in order",
    .enabled(if: !Pipeline.isOnKafka, "this test is for the local broker"))
  func frames() throws {
    let broker = try LoneBroker()
    let output = try Pipeline.run(
      Pipeline.python,
      [
        Pipeline.checkout + "/Tests/Scripts/broker_fuzz.py", broker.address,
        "\(broker.process.processIdentifier)", "100000", "6",
      ])
    print("frames: \(output.text)")
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }

  @Test("the ledger balances after good and bad records, and reports lost and contradicting ones")
  func ledger() throws {
    let pipeline = try Pipeline()
    #expect(try pipeline.millrace(["documents", "put", Pipeline.handbook]).code == 0)
    #expect(try pipeline.millrace(["documents", "put", Pipeline.handbook]).code == 0)
    #expect(try pipeline.millrace(["documents", "delete", "backups.md"]).code == 0)
    _ = try pipeline.kcat(
      ["-P", "-t", "rag.documents", "-k", "default/bad", "-X", "partitioner=murmur2_random"], input: "no json"
    )
    _ = try pipeline.kcat(["-P", "-t", "rag.documents", "-k", "no key"], input: "{}")
    _ = try pipeline.ask("How long are database backups kept?")
    _ = try pipeline.kcat(["-P", "-t", "rag.queries"], input: "nonsense")
    func account() throws -> (documents: [String: Any], queries: [String: Any]) {
      let all = try pipeline.json(["ledger"])
      return (
        try #require(all["documents"] as? [String: Any]), try #require(all["queries"] as? [String: Any])
      )
    }
    func sum(_ any: Any?) -> Int { (any as? [String: Int])?.values.reduce(0, +) ?? -1 }
    var seen = try account()
    #expect(
      try eventually {
        seen = try account()
        return sum(seen.documents["in_flight"]) + sum(seen.queries["in_flight"]) == 0
      })
    #expect(seen.documents["accepted"] as? Int == 31, "\(seen)")
    let finished = try #require(seen.documents["finished"] as? [String: Int])
    #expect(finished == ["indexed": 28, "deleted": 1, "failed": 2, "superseded": 0], "\(finished)")
    #expect(sum(seen.queries["finished"]) == 2 && seen.queries["lost"] as? Int == 0)
    #expect(try pipeline.millrace(["ledger"]).code == 0)
    let recent = try pipeline.millrace(["ledger", "--since", "1h"])
    #expect(recent.text.contains("31 accepted"), "\(recent.text)\(recent.error)")
    #expect(try pipeline.millrace(["ledger", "--since", "soon"]).code == 2)

    // A second, contradicting state.
    let bad = #"{"id":"x1","tenant":"default","status":"failed"}"#
    _ = try pipeline.ask("How long are database backups kept?", ["--id", "x1"])
    _ = try pipeline.kcat(
      ["-P", "-t", "rag.answers", "-k", "default/x1", "-X", "partitioner=murmur2_random"], input: bad)
    let differing = try pipeline.millrace(["ledger"])
    #expect(differing.code == 1 && differing.text.contains("contradicted 1"), "\(differing.text)")

    // A group whose offset was moved past an unprocessed record: the record is lost.
    let processes = try pipeline.processes()
    let ingest = try #require(processes["ingest"])
    kill(ingest, SIGSTOP)
    defer { kill(ingest, SIGCONT) }
    _ = try pipeline.kcat(
      ["-P", "-t", "rag.documents", "-k", "default/late", "-X", "partitioner=murmur2_random"],
      input: #"{"id":"late","text":"Never worked on."}"#)
    let waiting = try pipeline.json(["ledger"])["documents"] as? [String: Any]
    #expect(
      (waiting?["in_flight"] as? [String: Int])?["ingest"] == 1 && waiting?["lost"] as? Int == 0,
      "\(waiting ?? [:])")
    // After the session timeout the group has no members, and another client may move its offsets.
    let isMoved = try eventually(60) {
      try Pipeline.run(
        Pipeline.python,
        [Pipeline.checkout + "/Tests/Scripts/skip_group.py", pipeline.kafka, "rag-ingest", "rag.documents"]
      ).code == 0
    }
    #expect(isMoved)
    let after = try pipeline.millrace(["ledger"])
    #expect(
      after.code == 1 && after.text.contains("lost 1") && after.text.contains("rag.documents-"),
      "\(after.text)")
    // Without this, `down` would wait for the grace period of the suspended process.
    kill(ingest, SIGCONT)
    #expect(try pipeline.millrace(["down"]).code == 0)
  }
}
