import Encoder
import KafkaClient
import Lexical
import Records
import Settings
import Stage
import Synchronization

/// An independent check of search: scans the vectors of the topic with scalar loops.
package enum BruteForce {
  private struct Row {
    var id: String
    var chunk: UInt32
    var text: UInt64
    var vector: [Float]
  }

  private struct Entry {
    var version: Version
    var rows: [UInt32: Row] = [:]
  }

  /// Compares each answer with the scan. Scores may differ by 1e-5; chunks whose scores are that close may be in any
  /// order.
  ///
  /// - Returns: a line for each answer that differs.
  /// - Throws: `KafkaFailure` when the topic can't be read.
  package static func mismatches(
    _ queries: [QueryRecord], _ answers: [AnswerRecord?], tenant: TenantID, encoder: Encoder,
    settings: Settings
  ) async throws -> [String] {
    let rows = try await rows(tenant, settings)
    var result: [String] = []
    for (query, answer) in zip(queries, answers) {
      guard let answer else { continue }
      let vector = await encoder.encode([query.text])
      if let difference = compare(answer, vector, rows) { result.append("\(query.id): \(difference)") }
    }
    return result
  }

  /// The rows of each document's newest version; a deleted document has none.
  private static func rows(_ tenant: TenantID, _ settings: Settings) async throws -> [Row] {
    let batches = Mutex<[DocumentKey: Entry]>([:])
    let topic = settings.topic(.vectors)
    let partitions = (0..<settings.partitionCount(.vectors)).map { TopicPartition(topic, $0) }
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-eval")) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .beginning) }))
      try await reader.readToEnd(limit: .seconds(600)) { records in
        for record in records {
          guard let value = record.value, let batch = try? VectorBatch(wireBytes: value),
            batch.header.document.key.tenant == tenant
          else { continue }
          batches.withLock { add(batch, to: &$0) }
        }
      }
    }
    return batches.withLock { $0.values.flatMap { $0.rows.values } }
  }

  private static func add(_ batch: VectorBatch, to table: inout [DocumentKey: Entry]) {
    let document = batch.header.document
    var entry = table[document.key] ?? Entry(version: document.version)
    if document.version < entry.version { return }
    if document.version > entry.version { entry = Entry(version: document.version) }
    if case .vectors(let chunks, let dimension, let values) = batch.content {
      for (index, chunk) in chunks.enumerated() {
        entry.rows[chunk.number] = Row(
          id: document.key.id.rawValue, chunk: chunk.number, text: Lexicon.hash(of: chunk.text),
          vector: Array(values[index * dimension..<(index + 1) * dimension]))
      }
    }
    table[document.key] = entry
  }

  private static func compare(_ answer: AnswerRecord, _ vector: [Float], _ rows: [Row]) -> String? {
    var texts: Set<UInt64> = []
    let all = rows.map { row -> (Row, Float) in
      var score: Float = 0
      // A row of another width was made by another model, and no answer can hold it.
      for (a, b) in zip(row.vector, vector) { score += a * b }
      return (row, score)
    }.sorted { a, b in
      if a.1 != b.1 { return a.1 > b.1 }
      if a.0.id != b.0.id { return a.0.id.utf8.lexicographicallyPrecedes(b.0.id.utf8) }
      return a.0.chunk < b.0.chunk
    }
    // Chunks with the same text count once; which of them, among nearly equal scores, may differ.
    let scored = all.filter { texts.insert($0.0.text).inserted }
    guard answer.citations.count == min(10, scored.count) else {
      return "\(answer.citations.count) hits instead of \(min(10, scored.count))"
    }
    for (position, citation) in answer.citations.enumerated() {
      let expected = scored[position]
      guard abs(Float(citation.score) - expected.1) <= 1e-5 else {
        return "rank \(position + 1) scores \(citation.score), expected \(expected.1)"
      }
      let name = "\(citation.documentID)#\(citation.chunkID.split(separator: "#").last ?? "")"
      // Scores that differ only by rounding may be in either order.
      let isSame = name == "\(expected.0.id)#\(expected.0.chunk)"
      let isTie = all.contains { abs($0.1 - expected.1) <= 1e-5 && name == "\($0.0.id)#\($0.0.chunk)" }
      guard isSame || isTie else {
        return "rank \(position + 1) is \(name), expected \(expected.0.id)#\(expected.0.chunk)"
      }
    }
    return nil
  }
}
