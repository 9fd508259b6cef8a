// swift-format-ignore-file: NeverForceUnwrap
import Records
import Testing

@Suite struct KeyTests {
  @Test(
    "murmur2 equals Kafka's",
    arguments: [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829),
      ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
    ])
  func murmur2(_ text: String, _ expected: Int) {
    // The test vectors of Kafka's UtilsTest.
    #expect(Int32(bitPattern: Partitioner.murmur2(Array(text.utf8))) == Int32(expected))
  }

  @Test(
    "vector keys are parsed from the right, so ids may contain separators",
    arguments: ["plain", "a/b", "x@1.2~q#3", "~#@", "é #1", "\u{301}first", "last\u{600}"])
  func vectorKeys(_ id: String) {
    let document = DocumentKey(tenant: TenantID("t.1")!, id: DocumentID(id)!)
    for set in [VectorKey.Set.chunks(digest: "0aff"), .mark(.deleted), .mark(.dropped)] {
      let key = VectorKey(document: document, version: Version(epoch: 3, offset: 77), set: set, part: 5)
      #expect(VectorKey(bytes: key.bytes) == key)
    }
  }

  @Test("a vector key has only one valid spelling")
  func oneSpelling() {
    for text in ["t/a@1.2~0a#+1", "t/a@1.2~0a#01", "t/a@+1.2~0a#1", "t/a@1.02~0a#1"] {
      #expect(VectorKey(bytes: Array(text.utf8)) == nil, "\(text)")
    }
    #expect(VectorKey(bytes: Array("t/a@1.2~0a#1".utf8)) != nil)
  }

  @Test("ids are compared by bytes: equal text in NFC and NFD gives two keys")
  func bytesOfIDs() {
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    #expect(composed == decomposed)
    #expect(Set([composed, decomposed].compactMap { DocumentID($0) }).count == 2)
    #expect(Set([composed, decomposed].compactMap { QueryID($0) }).count == 2)
    #expect(Set([composed, decomposed].map { Principal($0) }).count == 2)
    var seen: [DocumentKey: Int] = [:]
    for (index, text) in [composed, decomposed, composed].enumerated() {
      seen[DocumentKey(tenant: .standard, id: DocumentID(text)!)] = index
    }
    #expect(seen.count == 2)
    #expect(DocumentID(composed)! != DocumentID(decomposed)!)
    #expect(DocumentID(decomposed)! < DocumentID(composed)!)
  }

  @Test("a document key splits at its first slash")
  func documentKey() throws {
    let key = try DocumentKey(bytes: Array("t/a/b".utf8))
    #expect(key.id.rawValue == "a/b")
    #expect(try DocumentKey(bytes: Array("t/\u{301}a/b".utf8)).id.rawValue == "\u{301}a/b")
    for bad in ["", "noslash", "/x", "a b/x", "t/", "t/\u{1}"] {
      #expect(throws: FieldError.self) { try DocumentKey(bytes: Array(bad.utf8)) }
    }
    #expect(throws: FieldError.self) { try DocumentKey(bytes: nil) }
    #expect(throws: FieldError.self) { try DocumentKey(bytes: [0xFF, 0x2F, 0x41]) }
  }

  @Test(
    "a version that was read again is above its record's and below every later one, and names its request")
  func readAgain() throws {
    let again = try #require(Version("1.42.107"))
    #expect(again == Version(epoch: 1, offset: 42, reading: 107) && again.description == "1.42.107")
    #expect(Version("1.42").map { $0 < again } == true && Version("1.43").map { again < $0 } == true)
    #expect(again.acceptedAt == 107 && Version("1.106").map { $0.wasAccepted(before: again) } == true)
    for text in ["1.42.42", "1.42.0", "1.42.7", "1.42.107.1", "1.42.", "1.42.9223372036854775807"] {
      #expect(Version(text) == nil, "\(text)")
    }
    var info = DocumentInfo(
      key: DocumentKey(tenant: .standard, id: try #require(DocumentID("a"))), version: again)
    info.reader = ReaderVersion("pdf/3")
    let header = PartHeader(document: info)
    #expect(header.format == 2, "a release without reread versions must not read it")
    let batch = try ChunkBatch(wireBytes: ChunkBatch(header: header, chunks: []).wireBytes)
    #expect(batch.header == header && batch.header.document.reader == ReaderVersion(format: .pdf, number: 3))
    let request = RereadRequest(info.key, again)
    #expect(try RereadRequest(key: request.key, value: request.value, at: 107, epoch: 1) == request)
    for (value, position, epoch) in [(request.value, 42, 1), ([], 107, 1), (request.value, 107, 2)]
      as [([UInt8], Int64, UInt32)]
    {
      #expect(throws: FieldError.self) {
        try RereadRequest(key: request.key, value: value, at: position, epoch: epoch)
      }
    }
    // A release without reread versions takes `107.ab` for a digest, and then refuses the newer format of the value.
    let key = VectorKey(document: info.key, version: again, set: .chunks(digest: "ab"), part: 0)
    #expect(key.description == "default/a@1.42~107.ab#0" && VectorKey(bytes: key.bytes) == key)
    for text in ["default/a@1.42.107~ab#0", "default/a@1.42~7.ab#0", "default/a@1.42~0107.ab#0"] {
      #expect(VectorKey(bytes: Array(text.utf8)) == nil, "\(text)")
    }
    #expect(throws: FieldError.self) { try DocumentKey(bytes: request.key) }
  }

  @Test("an offset below 0 or above 2^53 makes no version, so that sums with an offset can't overflow")
  func lastVersion() {
    #expect(Version("1.9007199254740992")?.offset == Version.offsetMax)
    for text in ["1.9007199254740993", "1.9223372036854775807", "1.-1"] {
      #expect(Version(text) == nil, "\(text)")
    }
  }
}
