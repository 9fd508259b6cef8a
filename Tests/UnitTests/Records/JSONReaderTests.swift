import Records
import TestSupport
import Testing

// Goal: JSON is read strictly, and no bytes cause a trap. Method: invalid texts with the rule that they break, then
// mutated bytes.

@Suite struct JSONReaderTests {
  private func read(_ text: String) throws -> JSONValue { try JSONReader.read(Array(text.utf8)) }

  @Test("values of every type are read")
  func values() throws {
    let value = try read(#" {"a":[1,-2.5e3,true,false,null,"x\u00e9\ud83d\ude00\n"],"b":{"c":""}} "#)
    #expect(value["a"]?.arrayValue?.count == 6)
    #expect(value["a"]?.arrayValue?[1].doubleValue == -2500)
    #expect(value["a"]?.arrayValue?[5].stringValue == "xé😀\n")
    #expect(value["b"]?["c"]?.stringValue == "")
  }

  @Test(
    "invalid JSON is refused, and the error states the rule",
    arguments: [
      ("", "ends where"), ("{", "must be a string"), ("[1,]", "no JSON value"), ("01", "follows the value"),
      ("1.", "digit"), ("+1", "no JSON value"), ("\"a", "ends inside"), ("{\"a\":1,\"a\":2}", "twice"),
      ("\"\\ud800\"", "surrogate"), ("\"\\udc00\"", "surrogate"), ("\"\\ud800\\u0041\"", "surrogate"),
      ("1e999", "range"), ("{} x", "follows"), ("\"\u{1}\"", "escaped"), ("nul", "no JSON value"),
      ("'a'", "no JSON"),
    ])
  func refusals(_ text: String, _ rule: String) {
    #expect { try read(text) } throws: { "\($0)".contains(rule) }
  }

  @Test("invalid UTF-8 in a string is refused")
  func invalidUTF8() {
    #expect(throws: JSONError.self) { try JSONReader.read([0x22, 0xC3, 0x28, 0x22]) }
  }

  @Test("100,000 levels of nesting are refused and do not crash")
  func depth() {
    for open in ["[", "{\"a\":"] {
      #expect { try read(String(repeating: open, count: 100_000)) } throws: { "\($0)".contains("nested") }
    }
  }

  @Test("a written value is equal when it is read back")
  func roundTrip() throws {
    let value = try read(#"{"a":"\u0001\"\\ é","n":[12345678901234567890,0.1],"e":{}}"#)
    #expect(try JSONReader.read(value.bytes) == value)
  }

  @Test("mutated JSON causes no trap, neither in the reader nor in the records")
  func fuzz() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    // Printed before: a trap ends the process.
    print("mutated JSON, seed \(seed)")
    var generator = SplitMix(state: seed)
    let model = Array(#"{"id":"q","tenant":"a","n":[1,2.5e-3],"s":"\u00e9\ud83d\ude00","o":{"x":null}}"#.utf8)
    var refusedCount = 0
    for _ in 0..<100_000 {
      var bytes = model
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        switch Int.random(in: 0...2, using: &generator) {
        case 0:
          bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
            in: 0...255, using: &generator)
        case 1:
          bytes.insert(
            UInt8.random(in: 0...255, using: &generator),
            at: Int.random(in: 0..<bytes.count, using: &generator))
        default: if bytes.count > 2 { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &generator)) }
        }
      }
      if (try? JSONReader.read(bytes)) == nil { refusedCount += 1 }
      _ = try? QueryRecord(value: bytes)
      _ = try? DocumentRecord(value: bytes, key: DocumentKey(bytes: Array("a/q".utf8)))
      _ = try? AnswerRecord(value: bytes)
      _ = try? StatusRecord(value: bytes)
    }
    #expect((1..<100_000).contains(refusedCount), "seed \(seed)")
  }
}
