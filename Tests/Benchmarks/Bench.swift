import CommandLine
import Encoder
import Foundation
import Catalog
import Engine
import KafkaClient
import Records
import Settings
import Stage
import Synchronization
import VectorMath
import TestSupport
import Time

// Measures single parts on this machine in one run, so that ratios can be compared.
// Usage: `swift run -c release millrace-bench`.

@main
enum Bench {
  static func main() async throws {
    let words = Array(Swift.CommandLine.arguments.dropFirst())
    if words.first == "chunks", words.count == 2 { return try await chunks(bootstrap: words[1]) }
    if words.first == "encoder-serve" { return try await EncoderServe.run(Array(words.dropFirst())) }
    if words.first == "numeric-classes" { return try await NumericClasses.run() }
    if words.first == "tokenize" { return try TokenizerSpeed.tokenize() }
    if words.first == "tokenizer-rate", words.count == 2 { return try TokenizerSpeed.rate(words[1]) }
    if words.first == "encoder-peaks" { return try IndexScan.encoderPeaks(Array(words.dropFirst())) }
    if words.first == "support" { return try SupportRates.run(Array(words.dropFirst())) }
    if words.first == "answer-features" { return try await AnswerFeatures.run(Array(words.dropFirst())) }
    if words.first == "chunk-spans" {
      let sizes = words.dropFirst().compactMap { Int($0) }
      return try await ChunkSpans.run(sizes: sizes.isEmpty ? [64, 128, 192, 256, 400] : sizes)
    }
    if words.first == "growth" { return try await Growth.puts() }
    if words.first == "index-scan" { return try IndexScan.run(Array(words.dropFirst())) }
    if words.first == "lexical" { return try LexicalSpeed.run(Array(words.dropFirst())) }
    if words.first == "index-fill" { return try await IndexFill.run(Array(words.dropFirst())) }
    if words.first == "index-produce" { return try await IndexRecords.produce(Array(words.dropFirst())) }
    if words.first == "index-peaks" {
      let threads = words.firstIndex(of: "--threads").flatMap { Int(words[min($0 + 1, words.count - 1)]) }
      return try IndexScan.peaks(threads: threads ?? 1)
    }
    if words.first == "assignments" {
      return try await Growth.assignments(states: (words.count > 1 ? Int(words[1]) : nil) ?? 1_000_000)
    }
    if words.first == "memory", words.count > 1 { return try await MemoryOverTime.run(broker: words[1]) }
    if words.first == "fuzz" {
      let golden = URL(fileURLWithPath: Checkout.path + "/Tests/UnitTests/Records/GoldenBytes.swift")
      let seed = words.count > 2 ? UInt64(words[2]) : nil
      let isFine = try Fuzz.run(
        cases: (words.count > 1 ? Int(words[1]) : nil) ?? 1_000_000,
        seed: seed ?? UInt64.random(in: 0...UInt64.max),
        golden: try String(contentsOf: golden, encoding: .utf8))
      exit(isFine ? 0 : 1)
    }
    print("instruction set \(InstructionSet.best.rawValue), one thread")
    try await encoder()
    try search()
  }

  /// `millrace-bench chunks BOOTSTRAP`: encodes the records of `rag.chunks`, in the worker's batch size.
  private static func chunks(bootstrap: String) async throws {
    let settings = try Settings(
      SettingsTable(
        environment: ProcessInfo.processInfo.environment, flags: ["--kafka-bootstrap-servers": bootstrap]))
    let found = Mutex<[[String]]>([])
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-bench")) { reader in
      try await reader.assign(
        Dictionary(
          uniqueKeysWithValues: (0..<settings.partitionCount(.chunks)).map {
            (TopicPartition(settings.topic(.chunks), $0), .beginning)
          }))
      try await reader.readToEnd(limit: .seconds(60)) { records in
        found.withLock { found in
          for record in records {
            guard let value = record.value, let batch = try? ChunkBatch(wireBytes: value) else { continue }
            found.append(batch.chunks.map(\.embeddedText))
          }
        }
      }
    }
    let records = found.withLock { $0 }
    let encoder = try Encoder(
      directory: Checkout.model, modelID: "bench",
      precision: EncoderPrecision(rawValue: settings.encoder.precision) ?? .auto,
      threads: settings.encoder.threads)
    _ = await encoder.encode(records.first ?? ["warm"])
    let cpu = clock()
    let start = ContinuousClock.now
    for first in stride(from: 0, to: records.count, by: settings.embedBatchRecordsMax) {
      let batch = records[first..<min(records.count, first + settings.embedBatchRecordsMax)]
      _ = await encoder.encode(batch.flatMap { $0 })
    }
    let whole = seconds(since: start)
    let used = Double(clock() - cpu) / Double(CLOCKS_PER_SEC)
    let count = records.reduce(0) { $0 + $1.count }
    print(
      "{\"chunks\": \(count), \"seconds\": \(whole), \"cpu_s\": \(used), "
        + "\"class\": \"\(encoder.numericClass.rawValue)\", "
        + "\"instruction_set\": \"\(InstructionSet.best.rawValue)\"}")
  }

  /// Prints the rate of each numeric class of the encoder. `make bench-encoder` compares them with other runtimes.
  private static func encoder() async throws {
    let ids = (0..<160).map { Int32(2000 + ($0 * 7919) % 20_000) }
    for numericClass in NumericClass.allCases where numericClass.isSupported(on: .best) {
      let encoder = try Encoder(
        directory: Checkout.model, modelID: "bench",
        precision: EncoderPrecision(rawValue: numericClass.rawValue) ?? .auto)
      for (name, length, count) in [
        ("passages of 160 tokens", 160, 48), ("one question of 14 tokens", 14, 1),
      ] {
        let sequences = (0..<count).map { _ in [101] + ids.prefix(length - 2) + [102] }
        _ = await encoder.encode(tokens: sequences)
        var rates: [Double] = []
        for _ in 0..<(count == 1 ? 60 : 7) {
          let start = ContinuousClock.now
          _ = await encoder.encode(tokens: sequences)
          rates.append(Double(count) / seconds(since: start))
        }
        print("encoder, \(numericClass.rawValue), \(name): \(format(median(rates)))/s")
      }
    }
  }

  private static func search() throws {
    var state: UInt64 = 88_172_645_463_325_252
    func random() -> Float {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Float(state >> 40) / Float(1 << 24) - 0.5
    }
    guard let id = DocumentID("d") else { return }
    var header = PartHeader(
      document: DocumentInfo(
        key: DocumentKey(tenant: .standard, id: id), version: Version(epoch: 1, offset: 1)))
    header.digest = [1]
    header.partCount = 1
    let chunks = (0..<20_000 as Range<UInt32>).map { number in
      var chunk = Chunk()
      chunk.number = number
      return chunk
    }
    let batch = VectorBatch(
      header: header,
      content: .vectors(
        chunks: chunks, dimension: 384, values: (0..<20_000 * 384).map { _ in random() }))
    let engine = IndexEngine(inMemory: IndexOptions(model: ""))
    _ = try engine.apply(batch.key, batch, partition: 0)
    if let job = engine.beginCheckpoint(nowMilliseconds: 1) { engine.finish(job, job.run()) }
    let view = engine.view
    for batch in [1, 8, 64] {
      let queries = (0..<batch).map { _ in
        IndexQuery(tenant: .standard, vector: (0..<384).map { _ in random() }, depth: 10)
      }
      var times: [Double] = []
      for _ in 0..<9 {
        let start = ContinuousClock.now
        _ = try HybridSearch(view, .standard).search(queries, threads: 1)
        times.append(seconds(since: start))
      }
      print(
        "exact search, 20,000 rows, batch \(batch): \(format(median(times) * 1000)) ms, "
          + "\(format(Double(batch) / median(times))) queries/s")
    }
  }

  static func seconds(since start: ContinuousClock.Instant) -> Double {
    let duration = ContinuousClock.now - start
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }

  static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
  static func format(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.1f", value) }
}
