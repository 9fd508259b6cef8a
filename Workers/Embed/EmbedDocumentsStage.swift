import Encoder
import KafkaClient
import Records
import Settings
import Stage
import Telemetry

/// `rag.chunks` → `rag.vectors`: the bulk lane.
package struct EmbedDocumentsStage: BatchWork {
  private let context: StageContext
  private let encoder: Encoder

  package static func service(_ context: StageContext, encoder: Encoder) -> BatchStage {
    BatchStage(
      context, group: GroupName.embedDocuments, topics: [context.topic(.chunks)],
      batchRecordsMax: context.settings.embedBatchRecordsMax,
      work: EmbedDocumentsStage(context: context, encoder: encoder))
  }

  package func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    var outputs: [OutgoingRecord] = []
    var batches: [(record: ConsumerRecord, batch: ChunkBatch)] = []
    for record in records {
      do {
        guard let value = record.value else { continue }
        batches.append((record, try ChunkBatch(wireBytes: value)))
      } catch {
        let fault = RecordError(code: "bad_record", field: "value", message: "\(error)")
        outputs.append(context.deadLetter(record, fault, rule: "must be a ChunkBatch"))
      }
    }
    let texts = batches.flatMap { $0.batch.chunks.map(\.embeddedText) }
    let watch = Stopwatch()
    let vectors = await encoder.encode(texts)
    if !texts.isEmpty {
      context.metrics.observe(
        .embeddingDuration, seconds: watch.seconds,
        [("gen_ai.operation.name", "embeddings"), ("gen_ai.request.model", encoder.modelID)])
      context.metrics.increment(.embeddedChunks, by: Double(texts.count))
    }
    var row = 0
    for (record, batch) in batches {
      let count = batch.chunks.count
      let values = Array(vectors[row * encoder.dimension..<(row + count) * encoder.dimension])
      row += count
      outputs.append(vectorRecord(record, batch, values))
    }
    return outputs
  }

  private func vectorRecord(_ record: ConsumerRecord, _ batch: ChunkBatch, _ values: [Float])
    -> OutgoingRecord
  {
    guard batch.header.model == encoder.modelID, !batch.chunks.isEmpty else {
      var header = batch.header
      header.part = 0
      let fault = RecordError(
        code: "wrong_model", field: "model",
        message: "model: '\(batch.header.model)' must be '\(encoder.modelID)', the model of this worker")
      let mark = VectorBatch(header: header, content: .mark(.failed, operation: .put, error: fault))
      return OutgoingRecord(
        topic: context.topic(.vectors), partition: record.position.partition, key: mark.key.bytes,
        value: mark.wireBytes, headers: record.passedHeaders)
    }
    let output = VectorBatch(
      header: batch.header,
      content: .vectors(chunks: batch.chunks, dimension: encoder.dimension, values: values))
    return OutgoingRecord(
      topic: context.topic(.vectors), partition: record.position.partition, key: output.key.bytes,
      value: output.wireBytes, headers: record.passedHeaders)
  }
}
