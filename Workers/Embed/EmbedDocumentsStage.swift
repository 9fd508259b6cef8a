import Caching
import Pools
import Encoder
import KafkaClient
import Records
import RedisClient
import Settings
import Stage
import Time

/// `rag.chunks` → `rag.vectors`: the lane for documents.
package struct EmbedDocumentsStage: BatchWork {
  private let context: StageContext
  private let encoder: Encoder
  private let cache: EmbeddingCache?

  package static func service(_ context: StageContext, encoder: Encoder, redis: RedisClient?) -> BatchStage {
    BatchStage(
      context, group: ConsumerGroup.embedDocuments.name, topics: [context.topic(.chunks)],
      batchRecordsMax: context.settings.embedBatchRecordsMax,
      work: EmbedDocumentsStage(
        context: context, encoder: encoder,
        cache: EmbeddingCache(context, redis: redis, model: encoder.modelID, dimension: encoder.dimension)))
  }

  /// - Throws: Only `CancellationError`.
  package func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    var outputs: [OutgoingRecord] = []
    var batches: [(record: ConsumerRecord, batch: ChunkBatch)] = []
    for record in records {
      do {
        guard let value = record.value else { continue }
        batches.append((record, try ChunkBatch(wireBytes: value)))
      } catch {
        let fault = RecordError(code: .badRecord, field: "value", message: "\(error)")
        outputs.append(context.deadLetter(record, fault, rule: "must be a ChunkBatch"))
      }
    }
    let vectors = try await vectors(of: batches.flatMap(\.batch.chunks))
    var row = 0
    for (record, batch) in batches {
      let count = batch.chunks.count
      outputs.append(vectorRecord(record, batch, vectors[row..<row + count].flatMap { $0 }))
      row += count
    }
    return outputs
  }

  /// The version's `failed` mark and a dead letter.
  ///
  /// - Throws: Nothing.
  package func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] {
    let letter = context.deadLetter(record, fault, rule: "must be smaller")
    guard let value = record.value, let batch = try? ChunkBatch(wireBytes: value) else { return [letter] }
    return [failure(record, batch, fault), letter]
  }

  /// One vector per chunk, rounded to half precision. It comes from the cache, or is embedded and stored
  /// there. Equal texts of a batch are embedded once.
  private func vectors(of chunks: [Chunk]) async throws -> [[Float]] {
    let known = await cache?.lookUp(chunks.map(\.contentHash)) ?? Array(repeating: nil, count: chunks.count)
    var rows: [[UInt8]: Int] = [:]
    var missing: [Chunk] = []
    for (chunk, vector) in zip(chunks, known) where vector == nil && rows[chunk.contentHash] == nil {
      rows[chunk.contentHash] = missing.count
      missing.append(chunk)
    }
    let made = try await embed(missing)
    await cache?.store(zip(missing, made).map { ($0.contentHash, $1) })
    return zip(chunks, known).map { chunk, vector in vector ?? rows[chunk.contentHash].map { made[$0] } ?? []
    }
  }

  private func embed(_ chunks: [Chunk]) async throws -> [[Float]] {
    guard !chunks.isEmpty else { return [] }
    let watch = Stopwatch()
    let values = try await encoder.encodeUnlessCancelled(chunks.map(\.embeddedText))
    context.metrics.observe(
      .embeddingDuration, seconds: watch.seconds,
      [("gen_ai.operation.name", "embeddings"), ("gen_ai.request.model", encoder.modelID)])
    context.metrics.increment(.embeddedChunks, by: Double(chunks.count))
    let dimension = encoder.dimension
    return chunks.indices.map { row in
      EmbeddingCache.rounded(Array(values[row * dimension..<(row + 1) * dimension]))
    }
  }

  private func vectorRecord(_ record: ConsumerRecord, _ batch: ChunkBatch, _ values: [Float])
    -> OutgoingRecord
  {
    guard batch.header.model == encoder.modelID, !batch.chunks.isEmpty else {
      return failure(
        record, batch,
        RecordError(
          code: .wrongModel, field: "model",
          message: "model: '\(batch.header.model)' must be '\(encoder.modelID)', the model of this worker"))
    }
    let output = VectorBatch(
      header: batch.header,
      content: .vectors(chunks: batch.chunks, dimension: encoder.dimension, values: values))
    return OutgoingRecord(
      topic: context.topic(.vectors), partition: record.position.partition, key: output.key.bytes,
      value: output.wireBytes, headers: record.passedHeaders)
  }

  /// The version's `failed` mark, which is written in place of its vectors.
  private func failure(_ record: ConsumerRecord, _ batch: ChunkBatch, _ fault: RecordError) -> OutgoingRecord
  {
    var header = batch.header
    header.part = 0
    let mark = VectorBatch(header: header, content: .mark(.failed, operation: .put, error: fault))
    return OutgoingRecord(
      topic: context.topic(.vectors), partition: record.position.partition, key: mark.key.bytes,
      value: mark.wireBytes, headers: record.passedHeaders)
  }
}
