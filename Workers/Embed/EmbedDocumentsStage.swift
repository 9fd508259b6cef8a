import Caching
import Encoder
import KafkaClient
import Pools
import Records
import RedisClient
import Settings
import Stage
import Time

/// `rag.chunks` → `rag.vectors`: the lane for documents.
package struct EmbedDocumentsStage: StageWork {
  /// How many chunks are embedded together. After each group its vectors are sent, and the time limit is checked.
  private static let chunksTogether = 64

  private struct Item {
    var index: Int
    var record: RecordInWork
    var batch: ChunkBatch
  }

  private let context: StageContext
  private let encoder: Encoder
  private let cache: EmbeddingCache?

  /// - Throws: `SettingsError` for a key of the cache that can't be used.
  package static func service(_ context: StageContext, encoder: Encoder, redis: RedisClient?) throws
    -> StageService
  {
    let seal = try CacheSeal.named(in: context.settings)
    return StageService(
      context, group: context.group(.embedDocuments), topics: [context.topic(.chunks)],
      // The order does not matter, because the catalog takes versions in any order.
      shape: .batches(of: context.settings.embedBatchRecordsMax, isOrdered: false),
      work: EmbedDocumentsStage(
        context: context, encoder: encoder,
        cache: EmbeddingCache(
          context, redis: redis, seal: seal, model: encoder.modelID, dimension: encoder.dimension)))
  }

  /// - Throws: Only `CancellationError`.
  package func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws
    -> [Disposition]
  {
    var dispositions = [Disposition](repeating: Disposition(.notBegun), count: records.count)
    var waiting: [Item] = []
    for (index, item) in records.enumerated() {
      guard let value = item.record.value else {
        dispositions[index] = .done([])
        continue
      }
      do {
        waiting.append(Item(index: index, record: item, batch: try check(ChunkBatch(wireBytes: value))))
      } catch let error as WireError where error.isNewer {
        dispositions[index] = Disposition(.retry(after: .seconds(5), error))
      } catch let error as FieldError {
        dispositions[index] = Disposition(.rejected(error))
      } catch {
        dispositions[index] = Disposition(
          .rejected(FieldError(.badRecord, field: "value", value: "\(error)", rule: "must be a ChunkBatch")))
      }
    }
    while !waiting.isEmpty {
      var count = 0
      var together: [Item] = []
      while let next = waiting.first,
        together.isEmpty || count + next.batch.chunks.count <= Self.chunksTogether
      {
        count += next.batch.chunks.count
        together.append(next)
        waiting.removeFirst()
      }
      let vectors = try await vectors(of: together.flatMap(\.batch.chunks))
      var row = 0
      for item in together {
        let values = vectors[row..<row + item.batch.chunks.count].flatMap { $0 }
        row += item.batch.chunks.count
        dispositions[item.index] = item.record.settle(.done([vectorRecord(item, values)]))
      }
      if ContinuousClock.now >= limit { break }
    }
    return dispositions
  }

  /// - Throws: `FieldError` for chunks that this worker can't embed.
  private func check(_ batch: ChunkBatch) throws(FieldError) -> ChunkBatch {
    guard batch.header.model == encoder.modelID else {
      throw FieldError(
        .wrongModel, field: "model", value: batch.header.model,
        rule: "must be '\(encoder.modelID)', the model of this worker")
    }
    guard !batch.chunks.isEmpty else {
      throw FieldError(.badRecord, field: "chunks", value: "", rule: "must not be empty")
    }
    return batch
  }

  /// The version's `failed` mark.
  ///
  /// - Throws: Nothing.
  package func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] {
    guard let value = record.value, let batch = try? ChunkBatch(wireBytes: value) else { return [] }
    var header = batch.header
    header.part = 0
    let mark = VectorBatch(
      header: header, content: .mark(.failed, operation: .put, error: RecordError(fault)))
    return [
      .records([
        OutgoingRecord(
          topic: context.topic(.vectors), partition: record.position.partition, key: mark.key.bytes,
          value: mark.wireBytes, headers: record.passedHeaders)
      ])
    ]
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

  private func vectorRecord(_ item: Item, _ values: [Float]) -> OutgoingRecord {
    let output = VectorBatch(
      header: item.batch.header,
      content: .vectors(chunks: item.batch.chunks, dimension: encoder.dimension, values: values))
    return OutgoingRecord(
      topic: context.topic(.vectors), partition: item.record.record.position.partition, key: output.key.bytes,
      value: output.wireBytes, headers: item.record.record.passedHeaders)
  }
}
