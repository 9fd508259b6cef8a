// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import Testing

// Goal: an answer comes from the right document, heading or row, and a question without an answer is refused. Method:
// small documents of the kinds that other systems answer wrongly (according to public bug reports), and a thousand
// documents that differ only in an identifier and a value ("twins"), in a whole pipeline.

@Suite(.serialized, .timeLimit(.minutes(10))) struct AnswerTests {
  private static let changelog = """
    # Changelog

    ## [2.5.0] - 2026-05-19

    ### Added

    - Scanner profiles per gate.

    ## [2.4.0] - 2026-03-03

    ### Fixed

    - Labels no longer lose their barcode.
    - The printer queue survives a restart.
    """
  private static let contacts = """
    # Contacts

    ## Night desk: extension 4417

    Staffed from 22:00 to 06:00.

    ## Gate office: extension 2093

    Staffed from 06:00 to 18:00.
    """
  private static let parts =
    "# Spare parts\n\n| Part | Stock | Lead days |\n|---|---|---|\n"
    + (1...60).map { "| P-\(String($0 + 1000).dropFirst()) | \($0 * 7 % 50) | \($0 * 11 % 60) |" }
    .joined(separator: "\n")

  @Test("headings, rows and identifiers: the answer has what the question names, or is refused with a reason")
  func named() throws {
    let pipeline = try Pipeline(["--llm", "extractive", "--redis", "none"])
    func put(_ id: String, _ text: String, _ type: String = "text/markdown") throws {
      let line = try JSONSerialization.data(withJSONObject: ["id": id, "text": text, "media_type": type])
      let file = pipeline.state + "/one.jsonl"
      try line.write(to: URL(fileURLWithPath: file))
      let result = try pipeline.millrace(["documents", "put", file])
      #expect(result.code == 0, "\(result)")
    }
    try put("changes", Self.changelog)
    try put("contacts", Self.contacts)
    try put("parts", Self.parts)
    try put(
      "phones",
      "name,role,extension,site\n"
        + (0..<40).map { "Ada Berg\($0),clerk,\(3000 + $0),north" }
        .joined(separator: "\n") + "\nInes Novak,driver,4776,north\n", "text/csv")
    try put("east", "The quay crane of the harbour lifts 40 tonnes.")
    try put("west", "The quay crane of the harbour lifts 35 tonnes.")
    func text(_ question: String) throws -> String { try pipeline.ask(question)["text"] as? String ?? "" }
    #expect(try text("When was version 2.4.0 released?") == "[2.4.0] - 2026-03-03 [1]")
    #expect(try text("What is the extension of the night desk?").hasPrefix("Night desk: extension 4417 [1]"))
    #expect(
      try text("What are the lead days of part P-027?") == "Part | Stock | Lead days: P-027 | 39 | 57 [1]")
    #expect(try text("What is the extension of Ines Novak?").contains("Ines Novak,driver,4776,north"))
    let both = try pipeline.ask("How much does the quay crane of the harbour lift?")
    #expect((both["citations"] as? [[String: Any]])?.count == 2, "both values are shown: \(both)")
    for question in ["When was version 9.9.9 released?", "What are the lead days of part P-999?"] {
      #expect(try pipeline.ask(question)["status"] as? String == "refused", "\(question)")
    }
    let refused = try pipeline.ask("What are the lead days of part P-999?")
    let lines = try pipeline.millrace(["explain", try #require(refused["id"] as? String)]).text
    #expect(lines.contains("no sentence has what the question names: p-999"), "\(lines)")
    #expect(try pipeline.metric("millrace_refusals_total", of: "generate", "reason=\"identifier\"") == 3)
    let heading = try pipeline.ask("What is the extension of the night desk?")
    let citation = try #require((heading["citations"] as? [[String: Any]])?.first)
    #expect(citation["heading_path"] as? [String] == ["Contacts", "Night desk: extension 4417"])
    #expect(citation["quote"] as? String == "Staffed from 22:00 to 06:00.")
  }

  private enum Kind: String, CaseIterable { case number, code, name }

  private static let names = [
    "Al", "Bir", "Ced", "Dor", "El", "Fal", "Gar", "Hol", "Ir", "Jas", "Kel", "Lor", "Mar",
    "Nor", "Os", "Per", "Quin", "Ros", "Sel", "Tor",
  ].flatMap { first in
    ["der", "ba", "con", "dra", "mond", "nes", "pel", "ra", "sten", "vik"].flatMap { second in
      ["", "a", "is", "o", "ton"].map { first + second + $0 }
    }
  }

  private static func thing(_ kind: Kind, _ number: Int) -> String {
    switch kind {
    case .number: "warehouse \(number + 1)"
    case .code: "part P-\(number + 1001)"
    case .name: "depot \(names[number])"
    }
  }

  private static func word(_ number: Int) -> String {
    let letters = Array("bdfgklmnprstvz")
    let vowels = Array("aeiou")
    return "w"
      + [number % 14, number / 14 % 14, number / 196 % 14].map {
        "\(letters[$0])\(vowels[($0 + number) % 5])"
      }.joined()
  }

  @Test("a thousand twins: each is answered from its own document, a deleted one never")
  func twins() throws {
    let pipeline = try Pipeline(["--llm", "extractive", "--redis", "none"])
    for kind in Kind.allCases {
      let tenant = ["--tenant", kind.rawValue]
      let file = pipeline.state + "/twins.jsonl"
      try (0..<1000).map { number in
        let thing = Self.thing(kind, number)
        let text =
          "The \(thing) is guarded by day. The access word of \(thing) is \(Self.word(number)). It is counted daily."
        return #"{"id":"\#(kind.rawValue)-\#(number)","text":"\#(text)"}"#
      }.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
      #expect(try pipeline.millrace(["documents", "put", file] + tenant).code == 0)
      let gone = (0..<100).map { $0 * 10 + 3 }
      let deleted = try pipeline.millrace(
        ["documents", "delete"] + gone.map { "\(kind.rawValue)-\($0)" } + tenant)
      #expect(deleted.code == 0)
      let asked = gone + (0..<1000).filter { $0 % 10 != 3 && $0 % 3 == 0 }
      try ask(asked, kind, pipeline)
      let answers = try answers(to: asked, kind, pipeline)
      var right = 0
      var lost: [Int] = []
      for (number, answer) in answers {
        let documents = Set(
          (answer["citations"] as? [[String: Any]] ?? []).compactMap { $0["document_id"] as? String })
        #expect(documents.isSubset(of: ["\(kind.rawValue)-\(number)"]), "another document answers \(number)")
        if gone.contains(number) { #expect(answer["status"] as? String == "refused", "\(number)") }
        if (answer["text"] as? String ?? "").contains(Self.word(number)) {
          right += 1
        } else if !gone.contains(number) {
          lost.append(number)
        }
      }
      let living = asked.count - gone.count
      #expect(right * 100 >= living * 99, "\(kind): \(right) of \(living), not \(lost.prefix(5))")
    }
  }

  /// Asks about each number, in three wordings in turn.
  private func ask(_ numbers: [Int], _ kind: Kind, _ pipeline: Pipeline) throws {
    let lines = numbers.map { number in
      let thing = Self.thing(kind, number)
      let text = [
        "What is the access word of \(thing)?", "Which access word does \(thing) have?",
        "I stand before \(thing), tell me its access word",
      ][number % 3 == 0 ? number / 3 % 3 : number % 3]
      return
        #"{"id":"\#(kind.rawValue)-\#(number)","tenant":"\#(kind.rawValue)","text":"\#(text)","deadline_ms":300000}"#
    }
    #expect(try pipeline.kcat(["-P", "-t", "rag.queries"], input: lines.joined(separator: "\n")).code == 0)
  }

  private func answers(to numbers: [Int], _ kind: Kind, _ pipeline: Pipeline) throws -> [Int: [String: Any]] {
    var found: [Int: [String: Any]] = [:]
    let isComplete = try eventually(120) {
      let all = try pipeline.kcat(["-C", "-t", "rag.answers", "-o", "beginning", "-e", "-q"]).text
      for line in all.split(separator: "\n") {
        guard let answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
          answer["tenant"] as? String == kind.rawValue, let id = answer["id"] as? String,
          let number = Int(id.split(separator: "-").last ?? "")
        else { continue }
        found[number] = answer
      }
      return found.count == numbers.count
    }
    #expect(isComplete, "\(found.count) of \(numbers.count) answers")
    return found
  }
}
