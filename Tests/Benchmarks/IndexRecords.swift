import Foundation
import KafkaClient
import Records
import Settings
import Stage
import TestSupport
import VectorMath

/// Makes records of `rag.vectors`: documents of one chunk. Their vectors are those of a file and, beyond its end,
/// random neighbours of these; without a file they are random. Their texts are about 200 bytes of random words.
struct IndexRecords {
  static let dimension = 384
  /// Documents have the metadata `group`, a number below this.
  static let groupCount = 200
  let partitionCount: Int
  let model: String
  private let base: MappedFile?
  private var random = SplitMix(state: 7)

  /// How many tenants there are. Documents belong to them in turn.
  private let tenantCount: Int

  init(base: MappedFile?, model: String = "", partitionCount: Int = 12, tenantCount: Int = 1) {
    self.base = base
    self.tenantCount = tenantCount
    self.model = model
    self.partitionCount = partitionCount
  }

  private static let words = "the a of pump door valve list kernel page index buffer lock thread query shard"
    .split(separator: " ")

  mutating func vector(_ number: Int) -> [Float] {
    var values: [Float] = []
    if let base {
      let count = base.byteCount / 4 / Self.dimension
      let row = number < count ? number : Int.random(in: 0..<count, using: &random)
      base.appendFloats(at: row * Self.dimension * 4, count: Self.dimension, to: &values)
      if number < count { return values }
      for index in values.indices { values[index] += Float.random(in: -0.03...0.03, using: &random) }
    } else {
      values = (0..<Self.dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }
    let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return values.map { $0 / length }
  }

  func tenant(of number: Int) -> TenantID {
    tenantCount == 1 ? .standard : TenantID("tenant-\(number % tenantCount)") ?? .standard
  }

  /// - Parameter number: of the document, from 0. Each number must be used once.
  mutating func batch(_ number: Int) -> VectorBatch {
    guard let id = DocumentID("document-\(number)") else { preconditionFailure("an id of ASCII") }
    let version = Version(epoch: 1, offset: Int64(number / partitionCount))
    var header = PartHeader(
      document: DocumentInfo(key: DocumentKey(tenant: tenant(of: number), id: id), version: version))
    header.document.metadata["group"] = ExactNumber("\(number % Self.groupCount)").map(MetadataValue.number)
    header.digest = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 16)
    header.model = model
    header.partCount = 1
    header.chunkCount = 1
    var chunk = Chunk()
    chunk.text = (0..<36).map { _ in Self.words.randomElement(using: &random) ?? "" }.joined(separator: " ")
    chunk.end = UInt64(chunk.text.utf8.count)
    chunk.contentHash = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    return VectorBatch(
      header: header,
      content: .vectors(chunks: [chunk], dimension: Self.dimension, values: vector(number)))
  }

  /// `millrace-bench index-produce ROWS BASE.f32 BROKERS [MODEL]`: writes the records to the `rag.vectors` of a
  /// pipeline, whose search workers then apply and report them.
  static func produce(_ words: [String]) async throws {
    guard words.count >= 3, let rows = Int(words[0]) else {
      print("index-produce ROWS BASE.f32 BROKERS [MODEL]")
      exit(2)
    }
    let settings = try Settings(SettingsTable(flags: ["--kafka-bootstrap-servers": words[2]]))
    let context = try StageContext(name: "index-produce", settings: settings)
    let count = settings.partitionCount(.vectors)
    var records = IndexRecords(
      base: try MappedFile(path: words[1]), model: words.count > 3 ? words[3] : settings.encoder.model)
    let clock = ContinuousClock.now
    var batch: [OutgoingRecord] = []
    for number in 0..<rows {
      let made = records.batch(number)
      let partition = Partitioner.partition(ofKey: made.header.document.key.bytes, partitionCount: count)
      batch.append(
        OutgoingRecord(
          topic: context.topic(.vectors), partition: partition, key: made.key.bytes, value: made.wireBytes))
      if batch.count == 512 || number == rows - 1 {
        _ = try await context.producer.send(batch)
        batch = []
      }
    }
    await context.producer.close(deadline: .seconds(30))
    print(String(format: "%d records in %.1f s", rows, Bench.seconds(since: clock)))
  }
}
