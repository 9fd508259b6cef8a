// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import Testing

// Goal: reading a document again never revives an older version, loses or repeats a document, or embeds unchanged text
// again. Method: requests come from `documents reread`, or are written by hand where a late or invalid one is needed;
// ingest is killed meanwhile.

@Suite(.serialized, .timeLimit(.minutes(20))) struct RereadTests {
  private func states(_ pipeline: Pipeline, _ id: String) throws -> [[String: Any]] {
    try pipeline.array(["documents", "status", id])
  }

  @Test("a request to read a replaced or deleted version again changes nothing; an invalid one is failed")
  func late() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    func put(_ text: String) throws {
      #expect(try pipeline.millrace(["documents", "put", "-", "--id", "door"], input: text).code == 0)
    }
    func ask(_ offset: String, then state: String) throws {
      let before = try states(pipeline, "door").count
      let query = #"{"version":"1.\#(offset)"}"#
      let sent = try pipeline.kcat(
        ["-P", "-t", "rag.documents", "-k", "~reread/default/door", "-p", partition(of: "door")],
        input: query)
      #expect(sent.code == 0, "\(sent)")
      #expect(
        try eventually(30) {
          let all = try states(pipeline, "door")
          return all.count == before + 2 && all.last?["state"] as? String == state
        }, "the request for \(offset) ends as \(state)")
    }
    func partition(of id: String) throws -> String {
      let token = try #require(
        try states(pipeline, id).compactMap { $0["token"] as? String }.last)
      return String(token.prefix { $0 != ":" })
    }
    func shown() throws -> String {
      let found = try pipeline.json(["search", "What is the code of the door?"])
      let citations = found["citations"] as? [[String: Any]] ?? []
      return citations.map { "\($0["version"] ?? "") \($0["quote"] ?? "")" }.joined(separator: "; ")
    }
    try put("The code of the door is 1111.")
    try put("The code of the door is 2222.")
    try ask("0", then: "superseded")
    #expect(try shown() == "1.1 The code of the door is 2222.")
    try ask("1", then: "indexed")
    #expect(try shown() == "1.1.3 The code of the door is 2222.")
    try put("The code of the door is 4444.")
    #expect(try shown() == "1.4 The code of the door is 4444.")
    #expect(try pipeline.millrace(["documents", "delete", "door"]).code == 0)
    try ask("4", then: "superseded")
    #expect(try shown() == "")
    // A deletion that is read again is a deletion.
    try ask("5", then: "deleted")
    #expect(try pipeline.array(["documents", "list"]).isEmpty)
    // Without a usable offset the version is unknown, so the state names the request's position instead.
    for value in [#"{"version":"1.99"}"#, "{}", "x", #"{"version":"2.0"}"#] {
      let place = try partition(of: "door")
      _ = try pipeline.kcat(
        ["-P", "-t", "rag.documents", "-k", "~reread/default/door", "-p", place], input: value)
    }
    #expect(
      try eventually(30) {
        try pipeline.kcat(["-C", "-t", "rag.document-status", "-o", "beginning", "-e", "-q"]).text
          .split(separator: "\n").count { $0.contains("\"failed\"") && $0.contains("rag.documents-") } == 4
      })
    let ledger = try pipeline.json(["ledger"])
    #expect((ledger["documents"] as? [String: Any])?["lost"] as? Int == 0, "\(ledger)")
  }

  @Test(
    "documents are read again while ingest is killed: none is lost, none shows twice, none is embedded again")
  func killed() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    let lines = (0..<300).map {
      #"{"id":"n\#($0)","text":"Locker \#($0) holds the key of room \#($0 * 7)."}"#
    }
    let file = pipeline.state + "/lockers.jsonl"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try pipeline.millrace(["documents", "put", file]).code == 0)
    let before = try pipeline.metric("millrace_embedded_chunks_total", of: "embed-documents")
    #expect(before >= 300)
    let again = Process()
    again.executableURL = URL(fileURLWithPath: Pipeline.binary)
    again.arguments = ["documents", "reread", "--all", "--rate", "60", "--state", pipeline.state]
    again.standardOutput = FileHandle.nullDevice
    try again.run()
    for count in [340, 400, 460] {
      #expect(
        try eventually(60) {
          try pipeline.metric("millrace_terminal_states_total", of: "search-0", "indexed") >= Double(count)
        }, "\(count) states before the kill")
      if let pid = try pipeline.processes()["ingest"] { kill(pid, SIGKILL) }
    }
    again.waitUntilExit()
    #expect(again.terminationStatus == 0)
    let rows = try pipeline.array(["documents", "list"])
    #expect(rows.count == 300)
    for row in rows {
      let version = row["version"] as? String ?? ""
      #expect(row["state"] as? String == "indexed" && version.split(separator: ".").count == 3, "\(row)")
    }
    let found = try pipeline.json(["search", "Locker 17 holds the key of which room?", "--top-k", "50"])
    let citations = found["citations"] as? [[String: Any]] ?? []
    #expect(citations.count { $0["document_id"] as? String == "n17" } == 1, "\(citations)")
    let after = try pipeline.metric("millrace_embedded_chunks_total", of: "embed-documents")
    #expect(after == before, "the vectors of texts that stay the same come from the cache")
    let ledger = try pipeline.json(["ledger"])
    let account = try #require(ledger["documents"] as? [String: Any])
    #expect(account["lost"] as? Int == 0 && account["contradicted"] as? Int == 0, "\(account)")
    let survey = try pipeline.json(["documents", "status"])
    #expect(survey["documents"] as? Int == 300 && survey["outdated"] as? Int == 0, "\(survey)")
  }
}
