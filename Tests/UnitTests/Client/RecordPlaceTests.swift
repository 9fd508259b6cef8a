import Testing
@testable import Client

@Suite struct RecordPlaceTests {
  @Test("only a place of this topic, with numbers from 0, has a partition")
  func partition() {
    for (text, expected) in [
      ("a.documents-3-17", 3), ("a.documents-0-3000000000", 0), ("a.documents-3", nil),
      ("a.documents--3-1", nil),
      ("a.documents-3-", nil), ("a.documents-3--1", nil), ("a.documents-3000000000-1", nil),
      ("b.documents-3-1", nil),
      ("report-3-1", nil), ("a.documents-3-1 ", nil), ("a.documents-\u{301}3-1", nil), ("", nil),
    ] as [(String, Int32?)] {
      #expect(RecordPlace.partition(of: text, in: "a.documents") == expected, "\(text)")
    }
  }
}
