import Analysis
import Catalog
import CommandLine
import Engine
import Foundation
import Records
import Storage
import TestSupport
import Time

/// `millrace-bench lexical DOCUMENTS QUESTIONS [COUNT] [--terms FILE]`: measures lexical queries per second, on one
/// thread, in one segment of passages. With --terms it also writes the terms of each document and question, and the ten
/// best documents of each question. `Tests/Scripts/bench_lexical.py` compares the results with tantivy and bm25s.
enum LexicalSpeed {
  static func run(_ arguments: [String]) throws {
    var words = arguments
    var termsFile: String?
    if let place = words.firstIndex(of: "--terms"), place + 1 < words.count {
      termsFile = words[place + 1]
      words.removeSubrange(place...place + 1)
    }
    guard words.count >= 2 else { throw UsageError("lexical DOCUMENTS.jsonl QUESTIONS.jsonl [COUNT]") }
    let questions = try lines(words[1]).compactMap { $0["question"]?.stringValue }
    let asked = Array(questions.prefix(words.count > 2 ? Int(words[2]) ?? .max : .max))
    let engine = IndexEngine(inMemory: IndexOptions(model: ""))
    var textBytes = 0
    var offset: Int64 = 0
    let filling = Stopwatch()
    for document in try lines(words[0]) {
      guard let id = document["id"]?.stringValue.flatMap(DocumentID.init),
        let text = document["text"]?.stringValue
      else { continue }
      var info = DocumentInfo(
        key: DocumentKey(tenant: .standard, id: id), version: Version(epoch: 1, offset: offset))
      info.title = document["title"]?.stringValue ?? ""
      info.language = document["lang"]?.stringValue ?? "en"
      var header = PartHeader(document: info)
      (header.digest, header.partCount, header.chunkCount) = ([1], 1, 1)
      var chunk = Chunk()
      chunk.text = text
      textBytes += text.utf8.count
      let batch = VectorBatch(
        header: header, content: .vectors(chunks: [chunk], dimension: 2, values: [1, 0]))
      _ = try engine.apply(batch.key, batch, partition: 0)
      offset += 1
      if engine.isHeadFull { seal(engine) }
    }
    seal(engine)
    while let job = engine.beginMerge(nowMilliseconds: 1, .allSegments) {
      engine.finish(job.run(isCancelled: { false }))
      if engine.view.parts.count <= 1 { break }
    }
    let seconds = filling.seconds
    var rounds: [Double] = []
    for _ in 0..<3 {
      let watch = Stopwatch()
      for question in asked {
        var query = IndexQuery(
          tenant: .standard, vector: [], question: question, depth: 10, nowMilliseconds: 1)
        query.searchesVectors = false
        _ = try HybridSearch(engine.view, .standard).lexicalRows(query)
      }
      rounds.append(Double(asked.count) / watch.seconds)
    }
    rounds.sort()
    if let termsFile { try writeTerms(engine, words[0], asked, to: termsFile) }
    let bytes = engine.view.parts.reduce(0) { $0 + $1.segment.wordBytes }
    print(
      JSONValue.object([
        "documents": .int(Int(offset)), "questions": .int(asked.count),
        "queries_per_second": .double(rounds[1]),
        "slowest": .double(rounds[0]), "fastest": .double(rounds[2]), "index_bytes": .int(bytes),
        "text_bytes": .int(textBytes), "filled_in_seconds": .double(seconds),
      ]).text)
  }

  private static func writeTerms(
    _ engine: IndexEngine, _ documents: String, _ asked: [String], to path: String
  ) throws {
    let analyser = Analyser(AnalysisRules())
    var lines: [String] = []
    for document in try Self.lines(documents) {
      let language = Language(document["lang"]?.stringValue ?? "en")
      let terms = ["title", "text"].flatMap { field in
        analyser.terms(of: Array((document[field]?.stringValue ?? "").utf8), language)
      }
      lines.append(
        JSONValue.object([
          "document": .string(document["id"]?.stringValue ?? ""),
          "terms": .array(terms.map { .string(String(decoding: $0, as: UTF8.self)) }),
        ]).text)
    }
    for question in asked {
      var query = IndexQuery(
        tenant: .standard, vector: [], question: question, depth: 10, nowMilliseconds: 1)
      query.searchesVectors = false
      let answer = try HybridSearch(engine.view, .standard).search([query], threads: 1)[0]
      lines.append(
        JSONValue.object([
          "question": .string(question), "terms": .array(answer.terms.map { .string($0) }),
          "ranking": .array(answer.lexical.map { .string(answer.matches[$0].document.key.id.rawValue) }),
        ]).text)
    }
    try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
  }

  private static func seal(_ engine: IndexEngine) {
    guard let job = engine.beginCheckpoint(nowMilliseconds: 1) else { return }
    engine.finish(job, job.run())
  }

  private static func lines(_ path: String) throws -> [JSONValue] {
    try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: 0x0A).map {
      try JSONReader.read(Array($0))
    }
  }
}
