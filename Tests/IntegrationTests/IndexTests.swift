// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import TestSupport
import Testing

// Goal: the stored index survives its process and its disk, never shows what was deleted, and agrees with the log.
// Method: a pipeline that seals a segment after a few vectors. Its search worker is killed, its files are damaged or
// copied, its disk is full, its topic is recreated, and it is stopped for longer than tombstones are kept. Then
// searches, `ledger --index` and `index verify` must agree.

@Suite(.serialized, .timeLimit(.minutes(20))) struct IndexTests {
  private static let sealing = [
    "--llm", "extractive", "--redis", "none", "--search-head-rows-max", "64",
    "--search-checkpoint-interval", "200ms",
  ]

  private func put(_ pipeline: Pipeline, _ texts: [(id: String, text: String)]) throws {
    let lines = texts.map { #"{"id":"\#($0.id)","text":"\#($0.text)"}"# }
    let file = pipeline.state + "/put.jsonl"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    let result = try pipeline.millrace(["documents", "put", file])
    #expect(result.code == 0, "\(result)")
  }

  private func texts(_ pipeline: Pipeline, _ question: String) throws -> [String] {
    let found = try pipeline.json(["search", question, "--top-k", "50"])
    return (found["citations"] as? [[String: Any]] ?? []).compactMap { $0["quote"] as? String }
  }

  /// Checks that the index agrees with the log, that nothing is lost, and that the index files are sound.
  private func check(_ pipeline: Pipeline) throws {
    let ledger = try pipeline.json(["ledger", "--index"])
    let documents = try #require(ledger["documents"] as? [String: Any])
    #expect(documents["lost"] as? Int == 0 && documents["contradicted"] as? Int == 0, "\(documents)")
    let index = try #require(ledger["index"] as? [String: Any])
    #expect(index["agrees"] as? Bool == true, "\(index)")
    #expect(
      try eventually(30) {
        let output = try pipeline.millrace(["index", "verify"])
        return output.code == 0 && output.text.contains("sound")
      })
  }

  private func folder(_ pipeline: Pipeline) -> String { pipeline.state + "/index/1-0" }

  /// Mounts a file system of 1 MiB and returns its path; nil if mounting is not permitted.
  private static func mountSmall() -> String? {
    let small = NSTemporaryDirectory() + "small-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
    let mounted = try? Pipeline.run("/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small])
    return mounted?.code == 0 ? small : nil
  }

  private static let mayMount: Bool = {
    guard let small = mountSmall() else { return false }
    _ = try? Pipeline.run("/bin/umount", [small])
    try? FileManager.default.removeItem(atPath: small)
    return true
  }()

  /// How often search is killed. For a longer run by hand, set for example `MILLRACE_INDEX_KILLS=300`.
  private static let killCount =
    ProcessInfo.processInfo.environment["MILLRACE_INDEX_KILLS"].flatMap { Int($0) } ?? 20

  @Test(
    "search is killed again and again while documents are put, replaced and deleted: nothing is lost or comes back",
    .disabled(if: Pipeline.isOnKafka, "on Apache Kafka, KillTests kill search, too"))
  func killed() throws {
    let pipeline = try Pipeline(Self.sealing)
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var newest: [Int: Int] = [:]
    for round in 0..<Self.killCount {
      var batch: [(id: String, text: String)] = []
      for number in (0..<60).shuffled(using: &random).prefix(12) {
        newest[number] = round
        batch.append(("box-\(number)", "Box \(number) holds the red marble of round \(round)."))
      }
      let lines = batch.map { #"{"id":"\#($0.id)","text":"\#($0.text)"}"# }
      let file = pipeline.state + "/put.jsonl"
      try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
      #expect(try pipeline.millrace(["documents", "put", file, "--no-wait"]).code == 0)
      if round % 4 == 3, let gone = newest.keys.randomElement(using: &random) {
        newest[gone] = nil
        #expect(try pipeline.millrace(["documents", "delete", "box-\(gone)", "--no-wait"]).code == 0)
      }
      // The kill may hit any moment of a start, a replay, a checkpoint or a merge.
      Thread.sleep(forTimeInterval: Double.random(in: 0...1.2, using: &random))
      if let pid = try pipeline.processes()["search-0"] { kill(pid, SIGKILL) }
    }
    #expect(
      try eventually(120) {
        try pipeline.array(["documents", "list"]).allSatisfy { $0["state"] as? String == "indexed" }
      }, "seed \(seed)")
    #expect(try pipeline.array(["documents", "list"]).count == newest.count, "seed \(seed)")
    // `ledger --index` must wait for a worker that is being restarted.
    if let pid = try pipeline.processes()["search-0"] { kill(pid, SIGKILL) }
    try check(pipeline)
    for (number, round) in newest.shuffled(using: &random).prefix(10) {
      let found = try texts(pipeline, "Which round has the red marble of box \(number)?")
        .filter { $0.hasPrefix("Box \(number) ") }
      #expect(found == ["Box \(number) holds the red marble of round \(round)."], "seed \(seed)")
    }
    // The log covers all starts of the worker. Its metrics cover only the last one.
    let log = try String(contentsOfFile: pipeline.state + "/logs/search-0.log", encoding: .utf8)
    #expect(!log.contains("A state of the index can't be used") && !log.contains("is rebuilt from the log"))
  }

  @Test(
    "a damaged file is found at the next start: the index is restored without it, and the log says so",
    .disabled(if: Pipeline.isOnKafka, "the broker makes no difference to it"))
  func damaged() throws {
    let pipeline = try Pipeline(Self.sealing)
    try put(pipeline, (0..<80).map { ("shelf-\($0)", "Shelf \($0) carries \($0 * 3) blue books.") })
    #expect(try pipeline.millrace(["documents", "delete", "shelf-7"]).code == 0)
    let names = {
      try FileManager.default.contentsOfDirectory(atPath: folder(pipeline)).filter { $0.contains("segment-") }
    }
    #expect(try eventually(30) { try !names().isEmpty })
    #expect(try pipeline.millrace(["index", "compact"]).code == 0)
    let file = folder(pipeline) + "/" + (try #require(try names().max()))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes[bytes.count / 3] ^= 4
    // Write in place, so that the file that the running worker has mapped is damaged, too.
    let handle = try #require(FileHandle(forWritingAtPath: file))
    try handle.write(contentsOf: bytes)
    try handle.close()
    #expect(try pipeline.millrace(["index", "verify"]).code == 1)
    let pid = try #require(try pipeline.processes()["search-0"])
    kill(pid, SIGKILL)
    #expect(
      try eventually(30) {
        let now = try pipeline.processes()["search-0"]
        return now != nil && now != pid && (try? texts(pipeline, "blue books").count) == 50
      })
    #expect(try pipeline.metric("millrace_index_faults_total", of: "search-0", "corrupt") >= 1)
    let log = try String(contentsOfFile: pipeline.state + "/logs/search-0.log", encoding: .utf8)
    #expect(log.contains("A state of the index can't be used"))
    #expect(try texts(pipeline, "Shelf 7").allSatisfy { !$0.hasPrefix("Shelf 7 ") })
    try check(pipeline)
  }

  @Test("a snapshot restored to a replica catches up to the same digest; a volume in use is refused")
  func replicas() throws {
    let pipeline = try Pipeline(Self.sealing)
    try put(pipeline, (0..<150).map { ("seat-\($0)", "Seat \($0) is in row \($0 / 10).") })
    let copy = pipeline.state + "/snapshot"
    #expect(
      try eventually(30) {
        try? FileManager.default.removeItem(atPath: copy)
        return try pipeline.millrace(["index", "snapshot", copy]).code == 0
      })
    #expect(try pipeline.millrace(["index", "snapshot", copy]).code != 0, "the folder is not empty")
    #expect(try pipeline.millrace(["index", "restore", copy]).code != 0, "the worker uses its volume")
    try put(pipeline, (100..<200).map { ("seat-\($0)", "Seat \($0) has moved to row \($0 / 5).") })
    #expect(try pipeline.millrace(["documents", "delete", "seat-3", "seat-4"]).code == 0)
    let other = pipeline.state + "/other"
    let restored = try pipeline.millrace(["index", "restore", copy, "--path", other])
    #expect(restored.code == 0, "\(restored)")
    let replica = Process()
    replica.executableURL = URL(fileURLWithPath: Pipeline.binary)
    replica.arguments = [
      "worker", "search", "--kafka-bootstrap-servers", pipeline.kafka, "--search-path", other,
      "--port-file", other + "/port", "--http-port", "0", "--kafka-session-timeout", "6s",
    ]
    replica.standardOutput = FileHandle.nullDevice
    replica.standardError = FileHandle.nullDevice
    try replica.run()
    defer {
      replica.terminate()
      replica.waitUntilExit()
    }
    #expect(eventually(30) { FileManager.default.fileExists(atPath: other + "/port") })
    let port = try String(contentsOfFile: other + "/port", encoding: .utf8).filter(\.isNumber)
    let own = try #require(
      try pipeline.array(["index", "status"]).first?["digest"] as? String, "the digest of the running worker")
    #expect(own.hasPrefix("198-"))
    #expect(
      try eventually(30) {
        let compared = try pipeline.millrace(
          ["ledger", "--index-urls", "http://127.0.0.1:\(port)", "--json"])
        return compared.code == 0 && compared.text.contains(#""agrees":true"#)
      }, "the snapshot and the records after it agree with the log")
  }

  @Test("an index that was stopped for longer than tombstones are kept is rebuilt, and the log says why")
  func old() throws {
    let pipeline = try Pipeline(Self.sealing + ["--topics-vectors-delete-retention", "8s"])
    try put(pipeline, (0..<20).map { ("jar-\($0)", "Jar \($0) is full of honey.") })
    // Wait for the manifest, which is written after the segment: a segment alone can't be used.
    #expect(try eventually(30) { try pipeline.millrace(["index", "verify"]).text.contains("20 documents") })
    let pid = try #require(try pipeline.processes()["search-0"])
    kill(pid, SIGSTOP)
    #expect(try pipeline.millrace(["documents", "delete", "jar-5", "--no-wait"]).code == 0)
    // This is the length of the outage, not a wait for a condition.
    Thread.sleep(forTimeInterval: 9)
    kill(pid, SIGKILL)
    #expect(try eventually(30) { try pipeline.array(["documents", "list"]).count == 19 })
    #expect(try pipeline.metric("millrace_index_rebuilds_total", of: "search-0", "old") == 1)
    #expect(try texts(pipeline, "Jar 5").allSatisfy { !$0.hasPrefix("Jar 5 ") })
    let log = try String(contentsOfFile: pipeline.state + "/logs/search-0.log", encoding: .utf8)
    #expect(log.contains("tombstones are kept for 8 s"))
    try check(pipeline)
  }

  @Test(
    "if its topic was recreated, shorter or longer than before, the index is rebuilt and a metric says why",
    .disabled(if: Pipeline.isOnKafka, "the broker makes no difference to it"))
  func madeAgain() throws {
    let pipeline = try Pipeline(Self.sealing)
    try put(pipeline, (0..<30).map { ("jug-\($0)", "Jug \($0) is full of water.") })
    #expect(try pipeline.millrace(["down"]).code == 0)
    let saved = pipeline.state + "/saved"
    try FileManager.default.copyItem(atPath: pipeline.state + "/index", toPath: saved)
    // The log is empty now, and the volume has read 30 documents.
    try FileManager.default.removeItem(atPath: pipeline.state + "/broker")
    try pipeline.start(Self.sealing)
    #expect(try pipeline.metric("millrace_index_rebuilds_total", of: "search-0", "shorter") == 1)
    #expect(try texts(pipeline, "Jug 5").isEmpty)
    // Put more than before, so that only the records, not the end offsets, show that the log is another one.
    try put(pipeline, (0..<240).map { ("pot-\($0)", "Pot \($0) is full of soup.") })
    #expect(try pipeline.millrace(["down"]).code == 0)
    try FileManager.default.removeItem(atPath: pipeline.state + "/index")
    try FileManager.default.moveItem(atPath: saved, toPath: pipeline.state + "/index")
    try pipeline.start(Self.sealing)
    #expect(try pipeline.metric("millrace_index_rebuilds_total", of: "search-0", "recreated") == 1)
    #expect(try eventually(30) { try texts(pipeline, "Pot 5 soup").count == 50 })
    #expect(try texts(pipeline, "Jug 5").allSatisfy { !$0.hasPrefix("Jug") })
    try check(pipeline)
  }

  @Test(
    "a full disk does not stop searches; documents put meanwhile are indexed when there is room again",
    .enabled(if: Self.mayMount, "no small file system may be mounted here"),
    .disabled(if: Pipeline.isOnKafka, "the broker makes no difference to it"))
  func fullDisk() throws {
    let small = try #require(Self.mountSmall())
    defer {
      _ = try? Pipeline.run("/bin/umount", ["-l", small])
      try? FileManager.default.removeItem(atPath: small)
    }
    let pipeline = try Pipeline(Self.sealing + ["--search-path", small])
    defer { _ = try? pipeline.millrace(["down"]) }
    try put(pipeline, (0..<20).map { ("cup-\($0)", "Cup \($0) is full of tea.") })
    let lines = (0..<500).map { #"{"id":"mug-\#($0)","text":"Mug \#($0) is full of coffee."}"# }
    let file = pipeline.state + "/mugs.jsonl"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try pipeline.millrace(["documents", "put", file, "--no-wait"]).code == 0)
    #expect(try eventually(60) { try pipeline.metric("millrace_index_disk_fault", of: "search-0") == 1 })
    let ready = try pipeline.page("/readyz", of: "search-0")
    #expect(ready.0 == 503 && ready.1.contains("the index can't be stored"), "\(ready)")
    #expect(try !texts(pipeline, "Which cup is full of tea?").isEmpty, "searches go on")
    let remounted = try Pipeline.run("/bin/mount", ["-o", "remount,size=64m", small])
    #expect(remounted.code == 0, "\(remounted.error)")
    #expect(
      try eventually(90) {
        try pipeline.array(["documents", "list"]).count { $0["state"] as? String == "indexed" } == 520
      })
    // When the disk became larger, documents may have been searchable but not stored. The next try stores them.
    #expect(try eventually(60) { try pipeline.metric("millrace_index_disk_fault", of: "search-0") == 0 })
    #expect(try eventually(30) { try pipeline.page("/readyz", of: "search-0").0 == 200 })
    #expect(try pipeline.restarts()["search-0"] == 0)
    try check(pipeline)
  }
}
