import Foundation
import Generation
import HTTPClient
import Testing

@Suite struct SupportTests {
  private let support = Support(scoreMin: 0.6)
  private let source = "Nightly backups of the orders database start at 02:30 UTC and are kept for 35 days."

  private func holds(_ sentence: String, _ source: String? = nil, score: Double = 0.9) -> Bool {
    support.holds(sentence, source: source ?? self.source, heading: "Database backups", score: score)
  }

  @Test("a sentence that says the same as its source is supported")
  func supported() {
    #expect(holds("Backups of the orders database are kept for 35 days."))
    #expect(holds("Nightly backups start at 02:30 UTC."))
    #expect(holds("02:30", score: 0.1), "a literal quote needs no vector")
    #expect(holds("Copies: kept for 35 days", score: 0.8) == false, "one of three words is not in the source")
  }

  @Test("a different number, a negation, other words, a heading or another subject is not supported")
  func unsupported() {
    #expect(!holds("Backups of the orders database are kept for 36 days."))
    #expect(!holds("Backups of the orders database are kept for thirty days."))
    #expect(!holds("Nightly backups of the orders database are not kept."))
    #expect(!holds("The orders database is stored in a vault and audited by strangers."))
    #expect(!holds("Database backups"))
    #expect(!holds("Backups of the orders database are kept for 35 days.", score: 0.5))
    #expect(
      !holds(
        "The orders database is backed up each night, and the backups are kept for ten years to satisfy the auditors.",
        "A month-end snapshot of the billing ledger is stored for ten years to satisfy the auditors.",
        score: 0.75))
    #expect(!holds("5", "It is kept for 35 days."), "a part of a number does not count")
  }

  @Test("server-sent events arrive in pieces of any size, with CR, LF or both")
  func events() {
    let text = "data: one\n\ndata:two\r\ndata: lines\r\n\r\n: comment\nevent: x\n\ndata: [DONE]\r\r"
    for size in 1...9 {
      var parser = ServerSentEvents()
      var found: [String] = []
      let bytes = Array(text.utf8)
      for start in stride(from: 0, to: bytes.count, by: size) {
        found += parser.feed(Array(bytes[start..<min(start + size, bytes.count)]))
      }
      #expect(found == ["one", "two\nlines", "[DONE]"], "pieces of \(size)")
    }
  }

  @Test("a stream may begin with a byte order mark, hold NUL bytes, and end without its last line breaks")
  func ends() {
    for (end, last) in [("", "b"), ("\n", "b"), ("\r\n", "b"), ("\n\n", nil), ("\ndata: c", "b\nc")]
      as [(String, String?)]
    {
      for size in 1...4 {
        var parser = ServerSentEvents()
        var found: [String] = []
        let bytes = Array("\u{FEFF}data: a\u{0}\n\n\u{0}\ndata: b\(end)".utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
          found += parser.feed(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(found == (last == nil ? ["a\u{0}", "b"] : ["a\u{0}"]), "\(end), pieces of \(size)")
        #expect(parser.finish() == (last.map { [$0] } ?? []))
        #expect(parser.finish().isEmpty && !parser.isBroken)
      }
    }
  }

  @Test("Retry-After: seconds or a date")
  func retryAfter() throws {
    #expect(
      RetryAfter.seconds("3") == 3 && RetryAfter.seconds("soon") == nil && RetryAfter.seconds("-1") == nil)
    let now = try #require(ISO8601DateFormatter().date(from: "2026-11-24T10:00:00Z"))
    #expect(RetryAfter.seconds("Tue, 24 Nov 2026 10:00:30 GMT", now: now) == 30)
  }
}
