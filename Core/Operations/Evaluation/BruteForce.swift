import Encoder
import KafkaClient
import Records
import Settings
import Stage
import Synchronization

/// An independent check of search: scans the vectors of the topic with scalar loops.
package enum BruteForce {
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

  private static func rows(_ tenant: TenantID, _ settings: Settings) async throws -> [VisibleRows.Row] {
    let visible = Mutex(VisibleRows())
    let topic = settings.topic(.vectors)
    let partitions = (0..<settings.partitionCount(.vectors)).map { TopicPartition(topic, $0) }
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-eval")) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: partitions.map { ($0, .beginning) }))
      try await reader.readToEnd(limit: .seconds(600)) { records in
        for record in records {
          guard let value = record.value, let batch = try? VectorBatch(wireBytes: value),
            batch.header.document.key.tenant == tenant
          else { continue }
          visible.withLock { $0.add(batch) }
        }
      }
    }
    return visible.withLock(\.rows)
  }

  private static func compare(_ answer: AnswerRecord, _ vector: [Float], _ rows: [VisibleRows.Row]) -> String?
  {
    var texts: Set<UInt64> = []
    let all = rows.map { row -> (VisibleRows.Row, Float) in
      var score: Float = 0
      // Vectors of another model may have another dimension: `zip` stops at the end of the shorter one.
      for (a, b) in zip(row.vector, vector) { score += a * b }
      return (row, score)
    }.sorted { a, b in
      if a.1 != b.1 { return a.1 > b.1 }
      if a.0.id != b.0.id { return a.0.id.utf8.lexicographicallyPrecedes(b.0.id.utf8) }
      return a.0.chunk < b.0.chunk
    }
    // Chunks with the same text count once. If their scores are nearly equal, the answer may cite any of them.
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
