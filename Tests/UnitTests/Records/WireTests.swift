// swift-format-ignore-file: NeverForceUnwrap
import Foundation
@testable import Records
import TestSupport
import Testing

// Goal: internal records are equal after encoding and decoding, agree with Google's protobuf in both directions, and no
// bytes cause a trap. Method: a sample of each record with many fields, and Google's parser and writer through
// Tests/Scripts/proto_check.py.

private enum Samples {
  static let document: DocumentInfo = {
    var info = DocumentInfo(
      key: DocumentKey(tenant: TenantID("acme")!, id: DocumentID("a/b é")!),
      version: Version(epoch: 2, offset: 1_234_567))
    info.title = "Title"
    info.uri = "https://example.org/x"
    info.source = "wiki"
    info.metadata = ["flag": .bool(false), "n": .number(ExactNumber("0")!), "s": .string("")]
    info.acl = []
    info.language = "en"
    info.expiresAtMilliseconds = 99
    return info
  }()

  static let chunk: Chunk = {
    var chunk = Chunk()
    chunk.number = 3
    chunk.text = "some text"
    chunk.headingPath = ["A", ""]
    chunk.start = 10
    chunk.end = 300
    chunk.contentHash = [1, 2, 255]
    chunk.tokenCount = 77
    return chunk
  }()

  static var header: PartHeader {
    var header = PartHeader(document: document)
    header.digest = [0xAB, 0xCD]
    header.part = 1
    header.partCount = 2
    header.chunkCount = 65
    header.model = "m"
    header.requestID = "r"
    return header
  }

  static var flight: QueryInFlight {
    var query = QueryRecord(id: QueryID("q")!, tenant: TenantID("acme")!, text: "why?", mode: .retrieve)
    query.principals = ["p1", "p2"]
    query.history = [.init(role: .assistant, text: "h")]
    query.filter = MetadataFilter(equalities: ["k": [.string("v"), .bool(true)]])
    query.topK = 4
    query.stream = true
    query.streamToken = "a-token-of-the-asker_22"
    query.cache = .bypass
    query.after = VectorsToken(partition: 1, nextOffset: 2)
    query.replyTo = .init(topic: "t", partition: 3)
    var flight = QueryInFlight(query: query)
    flight.deadlineAtMilliseconds = 1_795_511_000_000
    flight.askedAtMilliseconds = 1_700_000_000_000
    flight.outcome = .expired
    flight.timings = [StageTiming(stage: "embed", waitMilliseconds: 0.5, workMilliseconds: 2)]
    flight.sentAtMicroseconds = 1_795_511_000_000_001
    flight.requestID = "r"
    return flight
  }

  static var search: SearchRecord {
    var record = SearchRecord(flight: flight)
    record.round = 1
    record.model = "m"
    record.vector = [0, -0.5, .pi]
    var statistics = LexicalStatistics()
    (statistics.chunks, statistics.length, statistics.frequencies) = (5, 1200, ["why": 2])
    record.statistics = SharedStatistics(statistics, languages: ["", "en"])
    return record
  }

  static var candidates: CandidatesRecord {
    var record = CandidatesRecord(flight: flight)
    record.round = 1
    record.shard = 2
    record.shardCount = 4
    record.partitions = [2, 6, 10]
    record.partitionTotal = 12
    var hit = Hit(document: document, chunk: chunk, denseScore: 0.75)
    hit.postings = [.init(term: 0, frequency: 2)]
    hit.length = 40
    hit.textHash = .max
    hit.copies = [
      TextCopy(document: document.key, version: document.version, chunk: 7, title: "T", uri: "https://e.org")
    ]
    record.hits = [hit, hit]
    record.dense = [1, 0]
    record.lexical = [0]
    var words = LexicalCandidates()
    words.terms = [
      TermStatistics(term: "why", documentFrequency: 12, weighedFrequency: 13, isIdentifier: true)
    ]
    (words.chunks, words.length, words.weighedChunks, words.weighedLength) = (1000, 55_500, 2000, 111_000)
    words.languages = [LanguageCount(code: "en", chunks: 900), LanguageCount(code: "", chunks: 100)]
    words.analysed = ["", "en"]
    (words.isCut, words.isShared) = (true, true)
    record.words = words
    record.behind = IndexBehind(records: 3, milliseconds: 40)
    record.model = "m"
    record.vector = [1, 2]
    return record
  }

  static var prompt: PromptRecord {
    var record = PromptRecord(flight: flight)
    record.round = 1
    record.model = "m"
    record.vector = [1]
    record.context = [
      ContextItem(
        document: document, firstChunk: 1, lastChunk: 2, headingPath: ["H"], text: "t", start: 5, end: 6,
        score: 0.5)
    ]
    record.shardsAnswered = 3
    record.shardsTotal = 4
    record.behind = IndexBehind(records: 1, milliseconds: 2)
    record.staleOmitted = 1
    return record
  }

  static var vectors: VectorBatch {
    VectorBatch(header: header, content: .vectors(chunks: [chunk], dimension: 3, values: [0.25, -1, 0]))
  }

  static var mark: VectorBatch {
    VectorBatch(
      header: header,
      content: .mark(
        .failed, operation: .delete,
        error: RecordError(
          json: .object(["code": .string("c"), "field": .string("f"), "message": .string("m")]))))
  }

  static var all: [(name: String, bytes: [UInt8])] {
    [
      ("ChunkBatch", ChunkBatch(header: header, chunks: [chunk, Chunk()]).wireBytes),
      ("VectorBatch", vectors.wireBytes),
      ("VectorBatch", mark.wireBytes), ("Search", search.wireBytes), ("Candidates", candidates.wireBytes),
      ("Prompt", prompt.wireBytes),
    ]
  }
}

private func hex(_ bytes: [UInt8]) -> String { PartHeader.hex(bytes) }

@Suite struct WireTests {
  @Test("every internal record is equal after encoding and decoding it")
  func roundTrips() throws {
    let batch = ChunkBatch(header: Samples.header, chunks: [Samples.chunk])
    #expect(try ChunkBatch(wireBytes: batch.wireBytes) == batch)
    #expect(try VectorBatch(wireBytes: Samples.vectors.wireBytes) == Samples.vectors)
    #expect(try VectorBatch(wireBytes: Samples.mark.wireBytes) == Samples.mark)
    #expect(try SearchRecord(wireBytes: Samples.search.wireBytes).vector == Samples.search.vector)
    var expected = Samples.search
    expected.flight.query.deadlineMilliseconds = QueryRecord.deadlineDefaultMilliseconds
    #expect(try SearchRecord(wireBytes: Samples.search.wireBytes) == expected)
    #expect(try CandidatesRecord(wireBytes: Samples.candidates.wireBytes) == Samples.candidates)
    #expect(try PromptRecord(wireBytes: Samples.prompt.wireBytes) == Samples.prompt)
  }

  @Test("the encoding equals the golden bytes, so that two releases understand each other")
  func golden() {
    for (sample, expected) in zip(Samples.all, goldenBytes) {
      #expect(hex(sample.bytes) == expected, "\(sample.name)")
    }
    #expect(goldenBytes.count == Samples.all.count)
  }

  @Test("hits that share a document, and hits of other documents, are equal after decoding")
  func documentsOfHits() throws {
    var record = Samples.candidates
    for (number, name) in ["a", "b", "a", "b2", ""].enumerated() {
      var hit = record.hits[0]
      hit.document.title = name
      hit.chunk.number = UInt32(number)
      hit.chunk.text = String(repeating: name, count: 1 << (number * 4))
      record.hits.append(hit)
    }
    #expect(try CandidatesRecord(wireBytes: record.wireBytes) == record)
  }

  @Test("messages of every length around 128, where the length takes a second byte, are equal after decoding")
  func lengths() throws {
    var record = Samples.candidates
    for length in 0..<300 {
      record.hits[0].document.title = String(repeating: "x", count: length)
      #expect(try CandidatesRecord(wireBytes: record.wireBytes) == record, "a title of \(length) bytes")
    }
  }

  @Test("candidates of an older release have no lists and count as one list by vectors")
  func formerCandidates() throws {
    let bytes = stride(from: 0, to: formerGoldenCandidates.count, by: 2).compactMap { index in
      UInt8(formerGoldenCandidates.dropFirst(index).prefix(2), radix: 16)
    }
    let record = try CandidatesRecord(wireBytes: bytes)
    #expect(record.hits.count == 1 && record.dense == [0] && record.lexical.isEmpty && record.words == nil)
    var bad = record
    bad.lexical = [1]
    #expect(throws: WireError.self) { try CandidatesRecord(wireBytes: bad.wireBytes) }
  }

  @Test(
    "a record of an older release, without the time of asking, counts as asked at the earliest possible time")
  func formerRelease() throws {
    let bytes = stride(from: 0, to: formerGoldenSearch.count, by: 2).compactMap { index in
      UInt8(formerGoldenSearch.dropFirst(index).prefix(2), radix: 16)
    }
    let flight = try SearchRecord(wireBytes: bytes).flight
    #expect(flight.askedAtMilliseconds == flight.deadlineAtMilliseconds - QueryRecord.deadlineMaxMilliseconds)
  }

  @Test("unknown fields are skipped")
  func unknownFields() throws {
    // Field 100 in each wire type, before the known fields.
    let unknown: [UInt8] = [
      0xA0, 0x06, 0x05, 0xA1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xA2, 0x06, 0x02, 9, 9, 0xA5, 0x06, 1, 2, 3, 4,
    ]
    #expect(try PromptRecord(wireBytes: unknown + Samples.prompt.wireBytes) == Samples.prompt)
  }

  @Test("vectors that do not match their chunks are refused")
  func mismatchedVectors() {
    let bad = VectorBatch(
      header: Samples.header, content: .vectors(chunks: [Samples.chunk], dimension: 3, values: [1]))
    #expect(throws: WireError.self) { try VectorBatch(wireBytes: bad.wireBytes) }
  }

  @Test("times and byte ranges out of range are refused")
  func hostileNumbers() throws {
    let times: [Int64] = [.min, -1, (1 << 53) + 1, .max]
    for time in times {
      var flight = Samples.flight
      flight.deadlineAtMilliseconds = time
      #expect(throws: WireError.self) { try SearchRecord(wireBytes: SearchRecord(flight: flight).wireBytes) }
      #expect(throws: WireError.self) {
        try CandidatesRecord(wireBytes: CandidatesRecord(flight: flight).wireBytes)
      }
      #expect(throws: WireError.self) { try PromptRecord(wireBytes: PromptRecord(flight: flight).wireBytes) }
      flight = Samples.flight
      flight.sentAtMicroseconds = time
      #expect(throws: WireError.self) { try SearchRecord(wireBytes: SearchRecord(flight: flight).wireBytes) }
      var header = Samples.header
      header.document.expiresAtMilliseconds = time
      let read = try ChunkBatch(wireBytes: ChunkBatch(header: header, chunks: []).wireBytes)
      #expect(read.header.document.expiresAtMilliseconds == 0, "never expires, as in older records")
    }
    let ranges: [(UInt64, UInt64)] = [(2, 1), (.max, 0), (0, .max), (0, (1 << 53) + 1)]
    for (start, end) in ranges {
      var batch = ChunkBatch(header: Samples.header, chunks: [Samples.chunk])
      batch.chunks[0].start = start
      batch.chunks[0].end = end
      #expect(throws: WireError.self) { try ChunkBatch(wireBytes: batch.wireBytes) }
      var candidates = Samples.candidates
      candidates.hits[0].chunk = batch.chunks[0]
      #expect(throws: WireError.self) { try CandidatesRecord(wireBytes: candidates.wireBytes) }
      var prompt = Samples.prompt
      prompt.context[0].start = start
      prompt.context[0].end = end
      #expect(throws: WireError.self) { try PromptRecord(wireBytes: prompt.wireBytes) }
    }
  }

  @Test("an invalid dimension is refused, also without chunks")
  func hostileDimension() {
    for dimension in [0, 65_537, Int(UInt32.max)] {
      let batch = VectorBatch(
        header: Samples.header, content: .vectors(chunks: [], dimension: dimension, values: []))
      #expect(throws: WireError.self) { try VectorBatch(wireBytes: batch.wireBytes) }
    }
  }

  @Test("a newer format is refused")
  func newerFormat() {
    var header = Samples.header
    header.format = PartHeader.formatNewest + 1
    #expect(throws: WireError.self) {
      try ChunkBatch(wireBytes: ChunkBatch(header: header, chunks: []).wireBytes)
    }
  }

  @Test("Google's protobuf reads our records and writes the same bytes")
  func google() throws {
    let root = Checkout.path
    let python = root + "/.venv/bin/python"
    try #require(FileManager.default.isExecutableFile(atPath: python), "run `make setup-test` first")
    let descriptor = FileManager.default.temporaryDirectory.appendingPathComponent(
      "millrace-\(getpid()).desc"
    ).path
    defer { try? FileManager.default.removeItem(atPath: descriptor) }
    _ = try run(
      "/usr/bin/protoc",
      ["-I", root + "/Core/Contract/Records", "--descriptor_set_out=" + descriptor, "millrace.proto"],
      input: "")
    let lines = Samples.all.map { "\($0.name) \(hex($0.bytes))\n" }.joined()
    let output = try run(python, [root + "/Tests/Scripts/proto_check.py", descriptor], input: lines)
      .split(separator: "\n")
    #expect(output.count == Samples.all.count)
    for (sample, line) in zip(Samples.all, output) {
      let parts = line.split(separator: " ", maxSplits: 1)
      #expect(parts[0] == hex(sample.bytes), "\(sample.name): Google writes different bytes for \(parts[1])")
      #expect(!parts[1].contains("unknown"))
    }
    // Google's parser must read the values that we wrote.
    #expect(output[3].contains(#""topK": 4"#) && output[3].contains(#""outcome": "expired""#))
    #expect(
      output[4].contains(#""partitions": [2, 6, 10]"#) && output[4].contains(#""lexical": [0]"#))
    #expect(output[0].contains(#""hasAcl": true"#) && output[0].contains(#""partCount": 2"#))
  }

  @Test("mutated bytes cause no trap")
  func fuzz() {
    let seed = UInt64.random(in: 0...UInt64.max)
    // Printed before: a trap ends the process.
    print("mutated records, seed \(seed)")
    var refusedCount = 0
    var generator = SplitMix(state: seed)
    let models = Samples.all.map(\.bytes)
    for round in 0..<60_000 {
      var bytes = models[round % models.count]
      for _ in 0..<Int.random(in: 1...5, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
      }
      if round % 3 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
      _ = try? ChunkBatch(wireBytes: bytes)
      _ = try? VectorBatch(wireBytes: bytes)
      _ = try? SearchRecord(wireBytes: bytes)
      _ = try? CandidatesRecord(wireBytes: bytes)
      if (try? PromptRecord(wireBytes: bytes)) == nil { refusedCount += 1 }
    }
    #expect((1..<60_000).contains(refusedCount), "seed \(seed)")
  }

  private func run(_ path: String, _ arguments: [String], input: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let stdin = Pipe()
    let stdout = Pipe()
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.run()
    stdin.fileHandleForWriting.write(Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let data = stdout.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(path) failed")
    return String(decoding: data, as: UTF8.self)
  }

  @Test("lists in lists, however deep, and lists of any length are read without a trap")
  func nestedLists() throws {
    // Field 6 of an entry holds an entry.
    var entry: [UInt8] = [0x0A, 0x01, 0x61]
    for _ in 0..<20_000 {
      var length: [UInt8] = []
      var rest = entry.count
      while rest >= 0x80 {
        length.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      entry = [0x32] + length + [UInt8(rest)] + entry
      if entry.count > 100_000 { break }
    }
    var reader = WireReader(entry[...])
    #expect((try? WireMetadataEntry(reading: &reader))?.value == nil)
    var long = WireReader([[UInt8]](repeating: [0x32, 0x02, 0x20, 0x01], count: 5000).flatMap { $0 }[...])
    guard case .list(let values) = try WireMetadataEntry(reading: &long).value else {
      Issue.record("no list")
      return
    }
    #expect(values.count == MetadataValue.listMax)
  }
}
