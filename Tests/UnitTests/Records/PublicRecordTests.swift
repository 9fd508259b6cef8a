// swift-format-ignore-file: NeverForceUnwrap
import Records
import Testing

// Goal: the error for a bad field names the field and the rule; valid records are read completely; the format is
// stable. Method: one record per bad field, full records, golden bytes.

@Suite struct PublicRecordTests {
  private let key = DocumentKey(tenant: .standard, id: DocumentID("d1")!)

  private func document(_ text: String) throws -> DocumentRecord {
    try DocumentRecord(value: Array(text.utf8), key: key)
  }

  @Test("a document with all fields is read")
  func fullDocument() throws {
    let record = try document(
      #"""
      {"id":"d1","title":"T","text":"hello","source":"s","metadata":{"a":"x","n":2,"f":true},"acl":["p"],
       "language":"en","expires_at":"2026-11-24T09:00:00Z","unknown":[1]}
      """#)
    #expect(record.metadata == ["a": .string("x"), "n": .number(ExactNumber("2")!), "f": .bool(true)])
    #expect(record.acl == ["p"])
    #expect(record.expiresAtMilliseconds == 1_795_510_800_000)
    #expect(try document(record.json.text) == record)
  }

  @Test(
    "the error for a bad document names field and rule",
    arguments: [
      (#"{"text":"a"}"#, "id", "missing_field"), (#"{"id":"","text":"a"}"#, "id", "bad_id"),
      (#"{"id":7,"text":"a"}"#, "id", "bad_type"), (#"{"id":"d1"}"#, "text", "missing_field"),
      (#"{"id":"d1","text":"  "}"#, "text", "empty_text"), (#"{"id":"d1","text":5}"#, "text", "bad_type"),
      (#"{"id":"d1","tenant":"a b","text":"x"}"#, "tenant", "bad_tenant"),
      (#"{"id":"other","text":"x"}"#, "key", "key_mismatch"),
      (#"{"id":"d1","text":"x","acl":"p"}"#, "acl", "bad_type"),
      (#"{"id":"d1","text":"x","metadata":{"a":[[1]]}}"#, "metadata.a", "bad_type"),
      ("[]", "value", "not_json"),
      ("nonsense", "value", "not_json"), (#"{"id":"d1","id":"d1","text":"x"}"#, "value", "not_json"),
      (#"{"id":"d1","text":"x","expires_at":"tomorrow"}"#, "expires_at", "bad_value"),
      (#"{"id":"d1","text":"x","expires_at":9223372036854775807}"#, "expires_at", "out_of_range"),
    ])
  func badDocuments(_ text: String, _ field: String, _ code: String) {
    #expect { try document(text) } throws: { error in
      guard let fault = error as? FieldError else { return false }
      return fault.field == field && fault.code.rawValue == code && !fault.rule.isEmpty
    }
  }

  @Test(
    "the error for a bad query names the field",
    arguments: [
      (#"{"text":"a"}"#, "id"), (#"{"id":"q"}"#, "text"), (#"{"id":"q","text":" "}"#, "text"),
      (#"{"id":"q","text":"a","top_k":0}"#, "top_k"), (#"{"id":"q","text":"a","top_k":1.5}"#, "top_k"),
      (#"{"id":"q","text":"a","deadline_ms":600001}"#, "deadline_ms"),
      (#"{"id":"q","text":"a","mode":"x"}"#, "mode"),
      (#"{"id":"q","text":"a","reply_to":{"topic":"t"}}"#, "reply_to.partition"),
      (#"{"id":"q","text":"a","history":[{"role":"x","text":"y"}]}"#, "history[0].role"),
      (#"{"id":"q","text":"a","after":"x"}"#, "after"),
      (#"{"id":"q","text":"a","principals":[1]}"#, "principals"),
      (#"{"id":"q","text":"a","filter":{"a":{}}}"#, "filter.a"),
    ])
  func badQueries(_ text: String, _ field: String) {
    #expect { try QueryRecord(value: Array(text.utf8)) } throws: { ($0 as? FieldError)?.field == field }
  }

  @Test("a query with all fields is equal after writing and reading it as JSON")
  func fullQuery() throws {
    var query = QueryRecord(id: QueryID("q/1")!, tenant: TenantID("acme")!, text: "why?", mode: .retrieve)
    query.principals = ["p"]
    query.history = [.init(role: .user, text: "before")]
    query.filter = MetadataFilter(equalities: ["k": [.string("v"), .number(ExactNumber("1")!)]])
    query.topK = 7
    query.after = VectorsToken(partition: 3, nextOffset: 44)
    query.replyTo = .init(topic: "t", partition: 2)
    query.cache = .refresh
    query.stream = true
    query.streamToken = "a-token-of-the-asker_22"
    #expect(try QueryRecord(value: query.json.bytes) == query)
  }

  @Test("the JSON of the public records equals the golden bytes")
  func golden() {
    var status = StatusRecord(key, Version(epoch: 1, offset: 42), .put, .indexed)
    status.chunks = 3
    status.token = VectorsToken(partition: 2, nextOffset: 9)
    let statusText =
      #"{"id":"d1","tenant":"default","version":"1.42","operation":"put","state":"indexed","#
      + #""chunks":3,"token":"2:9"}"#
    #expect(status.json.text == statusText)
    var answer = AnswerRecord(id: "q", tenant: "default", status: .failed)
    answer.error = RecordError(
      json: .object(["code": .string("c"), "field": .string("f"), "message": .string("m")]))
    let answerText =
      #"{"id":"q","tenant":"default","status":"failed","text":"","citations":[],"#
      + #""usage":{"prompt_tokens":0,"completion_tokens":0},"timings_ms":{},"cache":"miss","#
      + #""shards":{"answered":0,"total":0},"index":{"behind_records":0,"behind_ms":0},"#
      + #""engine":"","model":"","error":{"code":"c","field":"f","message":"m"}}"#
    #expect(answer.json.text == answerText)
    let control = ControlRecord(id: QueryID("q")!, tenant: .standard)
    #expect(control.json.text == #"{"id":"q","tenant":"default","action":"cancel"}"#)
    let audit = AuditRecord(
      queryID: "q", tenant: "t", principals: ["p"], questionDigest: "00", documents: ["d@1.2"],
      status: .answered)
    let auditText =
      #"{"query_id":"q","tenant":"t","principals":["p"],"question_sha256":"00","#
      + #""documents":["d@1.2"],"status":"answered"}"#
    #expect(audit.json.text == auditText)
    #expect((try? AuditRecord(value: audit.json.bytes)) == audit)
    #expect((try? ControlRecord(value: control.json.bytes)) == control)
    #expect((try? StatusRecord(value: status.json.bytes)) == status)
    #expect((try? AnswerRecord(value: answer.json.bytes)) == answer)
    // A hostile time must not overflow where it is compared.
    for time in [Int64.min, -1, .max] {
      var hostile = answer
      hostile.checkedAtMilliseconds = time
      #expect(
        (try? AnswerRecord(value: hostile.json.bytes))?.isVoid(appendedAtMilliseconds: 1 << 52) == false)
    }
    // A query that was searched again passes two stages twice. Their times are added.
    var again = answer
    again.timings = ["search", "retrieve", "search", "retrieve"].map {
      StageTiming(stage: $0, waitMilliseconds: 1, workMilliseconds: 2)
    }
    #expect(
      (try? AnswerRecord(value: again.json.bytes))?.timings
        == ["search", "retrieve"].map { StageTiming(stage: $0, waitMilliseconds: 2, workMilliseconds: 4) })
  }

  @Test(
    "field names of a query that look misspelt are named in its warnings, which reach the answer",
    arguments: [
      ("filters", "filter"), ("Filter", "filter"), ("fliter", "filter"), ("filtr", "filter"),
      ("topK", "top_k"),
      ("principal", "principals"), ("search-mode", "search_mode"), ("source", nil), ("model", nil),
      ("user", nil),
      ("ids", nil), ("tex", nil),
    ])
  func misspelt(_ name: String, _ meant: String?) throws {
    let query = try QueryRecord(value: Array(#"{"id":"q","text":"a?","\#(name)":{}}"#.utf8))
    #expect(query.warnings == (meant.map { ["'\(name)' is not a field: write '\($0)'"] } ?? []))
    let flight = try SearchRecord(wireBytes: SearchRecord(flight: QueryInFlight(query: query)).wireBytes)
      .flight
    #expect(flight.query.warnings == query.warnings)
    var answer = AnswerRecord(flight, status: .refused)
    answer.warnings = flight.query.warnings
    #expect(try AnswerRecord(value: answer.json.bytes).warnings == query.warnings)
  }

  @Test("null for an ACL and field names that look misspelt are reported as doubts")
  func doubts() throws {
    let key = DocumentKey(tenant: .standard, id: DocumentID("d")!)
    func doubts(_ json: String) throws -> [String] {
      try DocumentRecord(value: Array(json.utf8), key: key).doubts.map(\.field)
    }
    #expect(try doubts(#"{"id":"d","text":"x","acl":["a"],"metadata":{"ACL":1},"extra":1}"#) == [])
    #expect(
      try doubts(#"{"id":"d","text":"x","acl":null,"ACL":["a"],"Tenant":"t","media-type":"m","expiresAt":5}"#)
        == ["acl", "ACL", "Tenant", "media-type", "expiresAt"])
  }

  @Test(
    "long names are shortened in errors; there are at most ten doubts, which follow the field map")
  func longNames() throws {
    let key = DocumentKey(tenant: .standard, id: DocumentID("d")!)
    let long = String(repeating: "m", count: 1_000_000)
    let error = #expect(throws: FieldError.self) {
      try DocumentRecord(value: Array(#"{"id":"d","text":"x","metadata":{"\#(long)":[[]]}}"#.utf8), key: key)
    }
    #expect((error?.message.utf8.count ?? .max) < 3000)
    let many = (0..<200).map {
      #""\#(String(repeating: "_", count: $0 % 60 + 1))acl\#(String(repeating: ".", count: $0))":1"#
    }
    let document = try DocumentRecord(
      value: Array(#"{"id":"d","text":"x",\#(many.joined(separator: ","))}"#.utf8), key: key)
    #expect(document.doubts.count == 10)
    let mapped = ["acl": "permissions"]
    for (json, fields) in [
      (#""acl":["hr"]"#, ["acl"]), (#""Permissions":["hr"]"#, ["Permissions"]),
      (#""permissions":null"#, ["permissions"]),
      (#""permissions":["hr"]"#, []),
    ] {
      let value = Array(#"{"id":"d","text":"x",\#(json)}"#.utf8)
      #expect(
        try DocumentRecord(value: value, key: key, fieldMap: mapped).doubts.map(\.field) == fields, "\(json)")
    }
  }

  @Test("the URI of a citation is shown only if its scheme is allowed")
  func addresses() {
    for uri in ["https://a/b", "HTTP://a", "file:///a", "s3://bucket/key", "urn:isbn:1"] {
      #expect(CitationURI.shown(uri) == uri)
    }
    for uri in [
      "javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//a/b", "a/b", "", "https://a/\u{1B}[2J",
      " https://a", "vbscript:x",
    ] {
      #expect(CitationURI.shown(uri) == "", "\(uri)")
    }
  }

  @Test("control characters in strings are escaped in JSON, also those of two UTF-8 bytes")
  func escapes() throws {
    let text = "a\u{7F}b\u{85}c\u{9B}31md\u{1B}e\u{A0}ä"
    let bytes = JSONValue.string(text).bytes
    #expect(String(decoding: bytes, as: UTF8.self) == #""a\u007fb\u0085c\u009b31md\u001be"# + "\u{A0}ä\"")
    #expect(try JSONReader.read(bytes).stringValue == text)
  }

  @Test(
    "numbers are kept exactly, or refused",
    arguments: [
      ("346218760129241550", "346218760129241550"), ("346218760129241551", "346218760129241551"),
      ("18446744073709551615", "18446744073709551615"), ("-9223372036854775808", "-9223372036854775808"),
      ("0.10", "0.1"), ("1e3", "1000"), ("-0.0", "0"), ("1.5e-7", "0.00000015"), ("12e30", "12e30"),
      ("18446744073709551616", nil), ("0.123456789012345678901", nil), ("1e999", nil),
      ("0e-9223372036854775808", nil), ("0e9223372036854775807", nil), ("1e-401", nil), ("1e400", nil),
    ])
  func exactNumbers(_ text: String, _ kept: String?) throws {
    let value = Array(#"{"id":"d","text":"x","metadata":{"n":\#(text)}}"#.utf8)
    let key = DocumentKey(tenant: .standard, id: try #require(DocumentID("d")))
    do throws(FieldError) {
      let record = try DocumentRecord(value: value, key: key)
      guard case .number(let number) = record.metadata["n"] else {
        Issue.record("no number")
        return
      }
      #expect(number.text == kept)
      #expect(ExactNumber(number.text) == number)
      var info = DocumentInfo(key: key, version: Version(epoch: 1, offset: 0))
      info.metadata = record.metadata
      let batch = VectorBatch(
        header: PartHeader(document: info), content: .mark(.deleted, operation: .put, error: nil))
      let again = try? VectorBatch(wireBytes: batch.wireBytes)
      #expect(again?.header.document.metadata["n"] == .number(number))
    } catch {
      #expect(kept == nil && (error.field.hasPrefix("metadata") || error.code == .notJSON), "\(error)")
    }
  }

  @Test("a filter matches a list if it matches one element, and numbers only exactly")
  func lists() {
    let one = MetadataValue.number(ExactNumber("346218760129241550")!)
    let other = MetadataValue.number(ExactNumber("346218760129241551")!)
    func matches(_ value: MetadataValue, _ values: [MetadataValue]) -> Bool {
      MetadataFilter(equalities: ["n": values]).matches(["n": value])
    }
    #expect(!matches(one, [other]) && matches(one, [other, one]))
    #expect(matches(.list([.string("a"), one]), [one]))
    #expect(!matches(.list([]), [one]) && !matches(.string("1"), [one]))
  }

  @Test(
    "expires_at is a time with an offset, seconds or milliseconds since 1970, or 0 for never",
    arguments: [
      ("0", 0), ("1700000000", 1_700_000_000_000), ("1700000000.5", 1_700_000_000_500),
      ("1700000000000", 1_700_000_000_000), ("978307200000", 978_307_200_000),
      ("\"2026-11-24T09:00:00Z\"", 1_795_510_800_000), ("\"2026-11-24T10:30:00+01:30\"", 1_795_510_800_000),
      ("\"2026-11-24t08:00:00.5-01:00\"", 1_795_510_800_500), ("260000000000", nil), ("978307199999", nil),
      ("-1", nil), ("\"2026-11-24T09:00:00\"", nil), ("\"2026-11-24T09:00:00+25:00\"", nil), ("1e30", nil),
    ] as [(String, Int64?)])
  func expiry(_ text: String, _ expected: Int64?) throws {
    let value = Array(#"{"id":"d","text":"x","expires_at":\#(text)}"#.utf8)
    let key = DocumentKey(tenant: .standard, id: try #require(DocumentID("d")))
    do throws(FieldError) {
      let record = try DocumentRecord(value: value, key: key)
      #expect(record.expiresAtMilliseconds == expected)
      #expect(try DocumentRecord(value: record.json.bytes, key: key).expiresAtMilliseconds == expected)
    } catch {
      #expect(expected == nil && error.field == "expires_at", "\(error)")
    }
  }
}
