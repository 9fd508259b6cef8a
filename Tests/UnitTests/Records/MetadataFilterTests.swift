// swift-format-ignore-file: NeverForceUnwrap
import Testing
import TestSupport
@testable import Records

// Goal: a filter means what its grammar says, an invalid one is refused with field and rule, and writing and reading
// does not change it. Method: every operator on several kinds of values, and invalid filters.

@Suite struct MetadataFilterTests {
  private func filter(_ text: String) throws -> MetadataFilter {
    try MetadataFilter(json: JSONReader.read(Array(text.utf8)))
  }

  private static let document: [String: MetadataValue] = [
    "site": .string("north"), "year": .number(ExactNumber("2021")!),
    "id": .number(ExactNumber("9007199254740993")!),
    "price": .number(ExactNumber("0.1")!), "open": .bool(true), "tags": .list([.string("a"), .string("b")]),
    "sizes": .list([.number(ExactNumber("3")!), .number(ExactNumber("20")!)]),
    "at": .string("2026-03-01T10:00:00+02:00"), "day": .string("2026-03-01"), "name": .string("zeta"),
  ]

  @Test(
    "operators, lists, exact numbers and times match as specified",
    arguments: [
      (#"{}"#, true), (#"{"site":"north"}"#, true), (#"{"site":["south","north"]}"#, true),
      (#"{"site":[]}"#, false),
      (#"{"site":"north","year":2021}"#, true), (#"{"site":"north","year":2020}"#, false),
      (#"{"gone":1}"#, false),
      (#"{"year":{"$eq":2021.0}}"#, true), (#"{"year":{"$ne":2021}}"#, false), (#"{"gone":{"$ne":1}}"#, true),
      (#"{"gone":{"$nin":[1,2]}}"#, true), (#"{"tags":"b"}"#, true), (#"{"tags":{"$ne":"b"}}"#, false),
      (#"{"tags":{"$in":["x","a"]}}"#, true), (#"{"tags":{"$nin":["x"]}}"#, true),
      (#"{"year":{"$gte":2021,"$lt":2022}}"#, true), (#"{"year":{"$gt":2021}}"#, false),
      (#"{"id":{"$gt":9007199254740992}}"#, true), (#"{"id":{"$lt":9007199254740993}}"#, false),
      (#"{"id":9007199254740992}"#, false), (#"{"price":{"$lte":0.1}}"#, true),
      (#"{"price":{"$gt":0.0999}}"#, true),
      (#"{"price":{"$gt":-5}}"#, true), (#"{"price":{"$lt":1e3}}"#, true),
      (#"{"sizes":{"$gte":5,"$lt":10}}"#, false),
      (#"{"sizes":{"$gte":3,"$lt":10}}"#, true), (#"{"at":{"$gte":"2026-03-01T08:00:00Z"}}"#, true),
      (#"{"at":{"$gt":"2026-03-01T08:00:00Z"}}"#, false), (#"{"at":{"$lt":"2026-03-02"}}"#, true),
      (#"{"day":{"$gte":"2026-03-01","$lt":"2026-04-01"}}"#, true),
      (#"{"name":{"$gte":"2020-01-01"}}"#, false),
      (#"{"year":{"$gte":"2020-01-01"}}"#, false), (#"{"open":{"$gte":0}}"#, false),
      (#"{"site":{"$exists":true}}"#, true),
      (#"{"site":{"$exists":false}}"#, false), (#"{"gone":{"$exists":false}}"#, true),
      (#"{"gone":{"$exists":true,"$ne":4}}"#, false), (#"{"$or":[{"site":"south"},{"year":2021}]}"#, true),
      (#"{"$or":[{"site":"south"},{"year":2022}]}"#, false),
      (#"{"$and":[{"site":"north"},{"open":true}]}"#, true),
      (#"{"$not":{"site":"north"}}"#, false), (#"{"$not":{"gone":1}}"#, true),
      (#"{"$not":{"site":"north","year":2020}}"#, true),
      (#"{"site":"north","$not":{"$or":[{"year":1},{"open":false}]}}"#, true),
      (#"{"year":{"$in":[2020,2021],"$gte":2021}}"#, true), (#"{"year":{"$eq":2021,"$in":[2020]}}"#, false),
    ])
  func meaning(_ text: String, _ expected: Bool) throws {
    let filter = try filter(text)
    #expect(filter.matches(Self.document) == expected)
    // On its way over the topics, a filter is written and read several times.
    var again = filter
    for _ in 0..<3 { again = try MetadataFilter(written: JSONReader.read(Array(again.json.text.utf8))) }
    #expect(again == filter && again.json.text == filter.json.text, "\(filter.json.text)")
  }

  @Test(
    "invalid filters are refused with the field and the rule",
    arguments: [
      (#"[]"#, "filter"), (#"{"$nor":[{}]}"#, "filter.$nor"), (#"{"$and":{}}"#, "filter.$and"),
      (#"{"$or":[]}"#, "filter.$or"),
      (#"{"$or":[{"a":1},7]}"#, "filter.$or[1]"), (#"{"$not":[{}]}"#, "filter.$not"),
      (#"{"a":{}}"#, "filter.a"),
      (#"{"a":{"gte":1}}"#, "filter.a.gte"), (#"{"a":{"$gte":"soon"}}"#, "filter.a.$gte"),
      (#"{"a":{"$gte":true}}"#, "filter.a.$gte"),
      (#"{"a":{"$gte":1,"$gt":2}}"#, "filter.a.$gt"), (#"{"a":{"$gte":1,"$lt":"2026-01-01"}}"#, "filter.a"),
      (#"{"a":{"$in":1}}"#, "filter.a.$in"), (#"{"a":{"$eq":[1]}}"#, "filter.a.$eq"),
      (#"{"a":{"$exists":1}}"#, "filter.a.$exists"),
      (#"{"a":null}"#, "filter.a"), (#"{"a":[[1]]}"#, "filter.a"),
      (#"{"a":123456789012345678901234567890}"#, "filter.a"),
      (#"{"$not":{"$not":{"$not":{"$not":{"$not":{"$not":{"$not":{"$not":{"a":1}}}}}}}}}"#, "filter.$not"),
    ])
  func refused(_ text: String, _ field: String) throws {
    let error = #expect(throws: FieldError.self) { try filter(text) }
    #expect(
      error?.field.hasPrefix(field) == true && error?.rule.isEmpty == false, "\(String(describing: error))")
  }

  @Test("a filter has at most a thousand values and two hundred conditions")
  func limits() throws {
    let values = (0..<1000).map(String.init).joined(separator: ",")
    _ = try filter(#"{"a":[\#(values)]}"#)
    #expect(throws: FieldError.self) { try filter(#"{"a":[\#(values)],"b":1}"#) }
    let many = (0..<250).map { #"{"a\#($0)":{"$exists":true}}"# }.joined(separator: ",")
    #expect(throws: FieldError.self) { try filter(#"{"$or":[\#(many)]}"#) }
  }

  @Test("an older release refuses a query whose filter it can't read; equality keeps its old encoding")
  func wire() throws {
    var query = QueryRecord(id: QueryID("q")!, text: "t")
    query.filter = try filter(#"{"site":["north"],"year":2021}"#)
    let plain = WireQuery(QueryInFlight(query: query))
    #expect(plain.filter.count == 2 && plain.filterJSON.isEmpty && plain.mode == "answer")
    #expect(try plain.flight().query == query)
    query.filter = try filter(#"{"site":"north","year":{"$lt":2021}}"#)
    let rich = WireQuery(QueryInFlight(query: query))
    #expect(rich.filter.isEmpty && QueryRecord.Mode(rawValue: rich.mode) == nil, "\(rich.mode)")
    #expect(try rich.flight().query == query)
  }

  @Test("numbers are ordered exactly, with signs, zeros, exponents and 64 bits")
  func order() throws {
    let ordered = [
      "-1e300", "-9223372036854775808", "-2", "-1.5", "-0.001", "0", "1e-300", "0.0001", "0.1", "0.11", "1",
      "1.0000001", "2",
      "10", "9007199254740992", "9007199254740993", "18446744073709551615", "1e21",
    ].map { ExactNumber($0)! }
    for (first, a) in ordered.enumerated() {
      for (second, b) in ordered.enumerated() { #expect((a < b) == (first < second), "\(a.text) \(b.text)") }
    }
  }
}
