// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import TestSupport
import Testing

// Goal: the search for words finds what vectors can't tell apart, in a whole pipeline with two shards. Method:
// documents that differ only in an identifier and a value ("twins"), copies of a text, a question longer than the
// model's window, and each search mode, from the command line and in a record.

@Suite(.serialized, .timeLimit(.minutes(10))) struct HybridTests {
  private static func twin(_ number: Int) -> String {
    """
    Valve XK-\(1000 + number) belongs to the northern cooling line. It is inspected every twelve weeks by the day \
    shift, and its rated pressure is \(number * 37 % 1000 + 100) millibar.
    """
  }

  private func put(_ pipeline: Pipeline, _ documents: [[String: Any]]) throws {
    let lines = try documents.map {
      String(decoding: try JSONSerialization.data(withJSONObject: $0), as: UTF8.self)
    }
    let file = pipeline.state + "/put.jsonl"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    let result = try pipeline.millrace(["documents", "put", file])
    #expect(result.code == 0, "\(result)")
  }

  private func citations(_ pipeline: Pipeline, _ question: String, _ options: [String] = []) throws
    -> [[String: Any]]
  {
    try pipeline.json(["search", question] + options)["citations"] as? [[String: Any]] ?? []
  }

  private func ids(_ citations: [[String: Any]]) -> [String] {
    citations.compactMap { $0["document_id"] as? String }
  }

  @Test("the right one of 1,000 twins is found, a deleted one never; copies, modes and long questions work")
  func words() throws {
    let pipeline = try Pipeline([
      "--shards", "2", "--llm", "extractive", "--redis", "none", "--retrieve-wait", "10s",
    ])
    try put(pipeline, (0..<1000).map { ["id": "twin-\($0)", "text": Self.twin($0)] })
    let gone = (0..<100).map { $0 * 10 + 3 }
    for chunk in stride(from: 0, to: gone.count, by: 50) {
      let names = gone[chunk..<chunk + 50].map { "twin-\($0)" }
      let result = try pipeline.millrace(["documents", "delete"] + names)
      #expect(result.code == 0, "\(result)")
    }
    var found = 0
    let living = (0..<1000).filter { !gone.contains($0) }
    let asked = living.enumerated().filter { $0.offset % 9 == 0 }.map(\.element)
    for number in asked {
      let best = try ids(
        citations(pipeline, "What is the rated pressure of XK-\(1000 + number)?", ["--top-k", "3"]))
      if best.contains("twin-\(number)") { found += 1 }
    }
    #expect(asked.count == 100 && found >= 99, "\(found) of \(asked.count)")
    for number in gone.prefix(20) {
      let best = try ids(
        citations(pipeline, "What is the rated pressure of XK-\(1000 + number)?", ["--top-k", "50"]))
      #expect(!best.contains { name in gone.contains { name == "twin-\($0)" } })
    }
    try modes(pipeline)
    try copies(pipeline)
    try long(pipeline)
  }

  /// Checks that a question longer than the model's window is searched for to its end, and that a far longer one is cut
  /// and says so.
  private func long(_ pipeline: Pipeline) throws {
    try put(
      pipeline,
      [["id": "otter", "text": "Otters hold hands while they sleep, so that they do not drift apart."]])
    let filler = String(
      repeating: "The weather was fine, and we talked about nothing in particular. ", count: 40)
    let question = filler + "Why do otters hold hands when they sleep?"
    let answer = try pipeline.json(["search", question, "--search-mode", "dense"])
    #expect(try ids(#require(answer["citations"] as? [[String: Any]])).first == "otter")
    #expect(answer["question_cut"] == nil)
    let longer = String(repeating: filler, count: 10)
    #expect(try pipeline.json(["search", longer, "--search-mode", "dense"])["question_cut"] as? Bool == true)
  }

  private func modes(_ pipeline: Pipeline) throws {
    let question = "rated pressure of XK-1017"
    func ranks(_ mode: String) throws -> [[String: Any]] {
      try citations(pipeline, question, ["--search-mode", mode]).compactMap { $0["ranks"] as? [String: Any] }
    }
    #expect(try ids(citations(pipeline, question, ["--search-mode", "lexical"])).first == "twin-17")
    #expect(try ranks("lexical").allSatisfy { $0["lexical"] != nil && $0["dense"] == nil })
    #expect(try ranks("dense").allSatisfy { $0["dense"] != nil && $0["lexical"] == nil })
    #expect(try ranks("hybrid").contains { $0["lexical"] as? Int == 1 })
    #expect(try pipeline.millrace(["search", "x", "--search-mode", "fuzzy"]).code == 2)
    let record = #"{"id":"fuzzy","text":"Which valve?","search_mode":"fuzzy"}"#
    #expect(try pipeline.kcat(["-P", "-t", "rag.queries"], input: record).code == 0)
    let refused = try #require(try pipeline.answer(to: "fuzzy"))
    let error = try #require(refused["error"] as? [String: Any])
    #expect(error["field"] as? String == "search_mode", "\(refused)")
  }

  private func copies(_ pipeline: Pipeline) throws {
    let text = "The lamp room of the old lighthouse holds eleven brass lanterns."
    try put(
      pipeline,
      [
        ["id": "lamp-a", "text": text], ["id": "lamp-b", "text": text.uppercased()],
        ["id": "lamp-c", "text": text, "acl": ["keeper"]],
      ])
    func places(_ principals: [String] = []) throws -> [String] {
      let options = principals.flatMap { ["--principal", $0] } + ["--top-k", "20"]
      let all = try citations(pipeline, "How many lanterns are in the lamp room?", options)
      let lamps = all.filter { ($0["document_id"] as? String)?.hasPrefix("lamp") ?? false }
      #expect(lamps.count == 1, "one text, one citation: \(lamps)")
      return ids(lamps + lamps.flatMap { $0["also_in"] as? [[String: Any]] ?? [] }).sorted()
    }
    #expect(try places() == ["lamp-a", "lamp-b"])
    #expect(try places(["keeper"]) == ["lamp-a", "lamp-b", "lamp-c"])
    #expect(try pipeline.millrace(["documents", "delete", "lamp-a"]).code == 0)
    #expect(try places() == ["lamp-b"])
  }
}
