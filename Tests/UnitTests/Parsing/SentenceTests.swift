import Foundation
import Parsing
import Records
import Testing

@Suite struct SentenceTests {
  private func split(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    return SentenceSplitter.sentences(in: bytes, 0..<bytes.count).map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
  }

  @Test("sentences end at full stops, blank lines and ideographic stops, not at abbreviations")
  func cases() {
    #expect(split("One. Two! Three?") == ["One.", "Two!", "Three?"])
    #expect(split("Dr. Smith paid 3.5 dollars, e.g. in May. Then he left.").count == 2)
    #expect(split("He said \"Go.\" She went.") == ["He said \"Go.\"", "She went."])
    #expect(split("no stop\n\nnext block") == ["no stop", "next block"])
    #expect(split("第一。第二！") == ["第一。", "第二！"])
    #expect(split("  ").isEmpty)
  }
}
