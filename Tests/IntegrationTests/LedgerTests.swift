import Foundation
import Records
import Testing

// Goal: the ledger counts every possible state of a record, and the same in any number of passes. Method: one pipeline
// contains a case of each state, made by repeated and contradicting writes, by a group whose offsets are moved, and by
// suspended workers. Then nothing moves, and every figure is known.

@Suite(.serialized, .timeLimit(.minutes(20))) struct LedgerTests {
  /// The default number of partitions of `rag.documents`.
  private static let partitionCount: Int32 = 12
  /// Fewer than the pages of the partition, so that a pass ends inside the partition.
  private static let passRecords = 3

  @Test("repeats, contradicting states, losses and stages in flight are counted, in any number of passes")
  func everyFigure() throws {
    // A repeated state has the same key, so compaction would keep only one of the two records.
    let pipeline = try Pipeline(["--broker-clean-interval", "600s"])
    let pages = Array(
      (0..<1000).map { "page-\($0)" }.filter { id in
        Partitioner.partition(ofKey: Array("default/\(id)".utf8), partitionCount: Self.partitionCount) == 0
      }.prefix(Self.passRecords + 1))
    let file = pipeline.state + "/pages.jsonl"
    try pages.map { id in #"{"id":"\#(id)","text":"The gate of \#(id) opens at nine in the morning."}"# }
      .joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    let put = try pipeline.millrace(["documents", "put", file])
    #expect(put.code == 0, "\(put.text)\(put.error)")
    let repeated = try pipeline.status(ofQuery: "repeated")
    let differing = try pipeline.status(ofQuery: "differing")
    #expect(differing != "failed")

    // A repeated state, as after a crash, and a contradicting state, as from a broken writer.
    for (id, status) in [("repeated", repeated), ("differing", "failed")] {
      try pipeline.produce(
        "rag.answers", "default/\(id)", #"{"id":"\#(id)","tenant":"default","status":"\#(status)"}"#)
    }
    let first = try pipeline.writeState(of: pages[0], as: "failed")
    let last = try pipeline.writeState(of: pages[Self.passRecords], as: "indexed")
    #expect(first == last, "the pages are on one partition")

    // Suspend the workers from the end of the flow to its start, so that each record stops at the worker suspended
    // last. The supervisor is suspended too, so that it restarts nothing.
    let workers = try pipeline.processes()
    let supervisor = try pipeline.supervisor()
    var held: [Int32] = []
    func hold(_ role: String) throws {
      let pid = try #require(workers[role])
      kill(pid, SIGSTOP)
      held.append(pid)
    }
    kill(supervisor, SIGSTOP)
    defer {
      // Kill the workers: their records are not needed any more, and draining them would take time.
      for pid in held { kill(pid, SIGKILL) }
      kill(supervisor, SIGCONT)
    }
    try hold("generate")
    try pipeline.query("at-generate")
    try pipeline.waitFor("default/at-generate", in: "rag.prompts")
    try hold("retrieve")
    try pipeline.query("at-retrieve")
    try pipeline.waitFor("default/at-retrieve", in: "rag.candidates")
    try hold("search-0")
    try pipeline.query("at-search")
    try pipeline.document("at-search")
    try pipeline.waitFor("default/at-search", in: "rag.searches")
    try pipeline.waitFor("default/at-search@", in: "rag.vectors")
    try hold("embed-documents")
    try pipeline.document("at-embed")
    try pipeline.waitFor("default/at-embed", in: "rag.chunks")
    // These two workers leave their groups. Their work is committed, and another client may then move the offsets.
    for role in ["ingest", "embed-queries"] {
      let pid = try #require(workers[role])
      kill(pid, SIGTERM)
      let hasEnded = eventually { ProcessTable.isZombie(pid) }
      try #require(hasEnded, "\(role)")
    }
    try pipeline.document("at-ingest")
    try pipeline.query("lost")
    let isMoved = try eventually { try pipeline.skip(group: "rag-embed-queries", topic: "rag.queries") }
    try #require(isMoved)
    try pipeline.query("at-embed")

    let whole = try pipeline.millrace(["ledger", "--json"])
    #expect(whole.code == 1, "\(whole.text)\(whole.error)")
    let documents = try figures(whole.text, "documents")
    #expect(
      documents == [
        "accepted": 7, "indexed": 4, "deleted": 0, "failed": 0, "superseded": 0, "ingest": 1,
        "embed-documents": 1, "search": 1, "repeats": 1, "contradicted": 1, "lost": 0,
      ], "\(whole.text)")
    var expected = [
      "accepted": 7, "answered": 0, "refused": 0, "expired": 0, "cancelled": 0, "failed": 0,
      "embed-queries": 1, "search": 1, "retrieve": 1, "generate": 1, "repeats": 1, "contradicted": 1,
      "lost": 1,
    ]
    for status in [repeated, differing] { expected[status, default: 0] += 1 }
    let queries = try figures(whole.text, "queries")
    #expect(queries == expected, "\(whole.text)")
    for example in ["indexed, and another", "\(differing), and another", "no state"] {
      #expect(whole.text.contains(example), "\(whole.text)")
    }

    let passes = try pipeline.millrace(["ledger", "--json", "--memory-records", "\(Self.passRecords)"])
    #expect(passes.code == 1 && passes.text == whole.text, "\(passes.text)\(passes.error)")
    #expect(try pipeline.millrace(["ledger", "--memory-records", "0"]).code == 2)
  }

  /// All figures for documents or for queries, by name.
  private func figures(_ text: String, _ side: String) throws -> [String: Int] {
    let report = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let account = try #require(report[side] as? [String: Any])
    let finished = try #require(account["finished"] as? [String: Int])
    let inFlight = try #require(account["in_flight"] as? [String: Int])
    var figures = finished.merging(inFlight) { $1 }
    for name in ["accepted", "repeats", "contradicted", "lost"] { figures[name] = account[name] as? Int }
    return figures
  }
}

extension Pipeline {
  private static let question = "When does the gate open?"

  fileprivate func status(ofQuery id: String) throws -> String {
    let answer = try ask(Self.question, ["--id", id])
    return try #require(answer["status"] as? String, "\(answer)")
  }

  fileprivate func query(_ id: String) throws {
    try produce("rag.queries", "default/\(id)", #"{"id":"\#(id)","text":"\#(Self.question)"}"#)
  }

  fileprivate func document(_ id: String) throws {
    try produce("rag.documents", "default/\(id)", #"{"id":"\#(id)","text":"It waits."}"#)
  }

  fileprivate func produce(_ topic: String, _ key: String, _ value: String, partition: String? = nil) throws {
    let place = partition.map { ["-p", $0] } ?? ["-X", "partitioner=murmur2_random"]
    let output = try kcat(["-P", "-t", topic, "-k", key] + place, input: value)
    try #require(output.code == 0, "\(output.error)")
  }

  /// All records of a topic, one line each in this format. The short fetch wait avoids a delay of half a second.
  private func records(of topic: String, _ format: String) throws -> String {
    try kcat([
      "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-X", "fetch.wait.max.ms=10", "-f", format + "\n",
    ]).text
  }

  fileprivate func waitFor(_ key: String, in topic: String) throws {
    let isThere = try eventually { try records(of: topic, "%k").contains(key) }
    try #require(isThere, "\(key) in \(topic)")
  }

  /// Repeats the state of an indexed document, or writes a contradicting one, with the reporter's key and partition.
  ///
  /// - Returns: the partition.
  fileprivate func writeState(of id: String, as state: String) throws -> String {
    let lines = try records(of: "rag.document-status", "%p\t%k\t%s").split(separator: "\n")
    let found = lines.first { $0.contains(#""id":"\#(id)""#) && $0.contains(#""state":"indexed""#) }
    let fields = try #require(found, "\(lines)").split(separator: "\t", maxSplits: 2).map(String.init)
    try #require(fields.count == 3)
    try produce(
      "rag.document-status", fields[1].replacing("#indexed", with: "#\(state)"),
      fields[2].replacing(#""state":"indexed""#, with: #""state":"\#(state)""#), partition: fields[0])
    return fields[0]
  }

  /// - Returns: whether the group's offsets could be moved: the group must have no members.
  fileprivate func skip(group: String, topic: String) throws -> Bool {
    let script = Self.checkout + "/Tests/Scripts/skip_group.py"
    return try Self.run(Self.python, [script, kafka, group, topic]).code == 0
  }
}
