import Foundation
import HTTPClient
import Testing

@Suite struct ServerSentEventsTests {
  @Test("server-sent events are read from pieces of any size, with CR, LF or both")
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

  @Test("a stream may begin with a byte order mark, contain NUL bytes, and lack its last line breaks")
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

  @Test("Retry-After is read as seconds or as a date")
  func retryAfter() throws {
    #expect(
      RetryAfter.seconds("3") == 3 && RetryAfter.seconds("soon") == nil && RetryAfter.seconds("-1") == nil)
    let now = try #require(ISO8601DateFormatter().date(from: "2026-11-24T10:00:00Z"))
    #expect(RetryAfter.seconds("Tue, 24 Nov 2026 10:00:30 GMT", now: now) == 30)
  }
}
