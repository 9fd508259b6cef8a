import Engine
import Foundation
import KafkaClient
import Records
import Search
import Storage
import Telemetry
import TestSupport
import VectorMath

/// `millrace-bench index-fill ROWS [BASE.f32]`: records of `rag.vectors` applied to a stored index as the search worker
/// does it, while it stores and merges; then the time to open it again.
enum IndexFill {
  private static let dimension = 384
  private static let batchCount = 512
  private static let partitionCount = 12

  static func run(_ words: [String]) async throws {
    let rows = words.first.flatMap { Int($0) } ?? 200_000
    let base = words.count > 1 ? try MappedFile(path: words[1]) : nil
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fill-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let disk = try FolderDisk(folder)
    let logger = Logger(label: "bench")
    let index = SearchIndex(IndexOptions(model: ""), metrics: MetricsRegistry(), logger: logger)
    _ = try await index.open(disk)
    await index.begin()
    let storing = Task {
      while !Task.isCancelled {
        _ = await index.store(every: .seconds(10))
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
    let merging = Task {
      while !Task.isCancelled {
        await index.mergeDue()
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
    print("instruction set \(Panels.instructionSet); one chunk a document, texts of about 200 bytes")
    print(
      "    rows   applied/s   us/put   search p50 ms   segments   amplification   memory MiB   mapped MiB")
    var random = SplitMix(state: 7)
    var (done, waited, applying) = (0, 0.0, 0.0)
    var stretch = 0
    let marks = [50_000, 100_000, 200_000, 400_000, 685_020, 1_000_000].filter { $0 <= rows } + [rows]
    for mark in marks where mark > done {
      while done < mark {
        let count = min(batchCount, mark - done)
        let records = (0..<count).map { record(done + $0, base, &random) }
        var clock = ContinuousClock.now
        while await index.mustWait { try await Task.sleep(for: .milliseconds(5)) }
        waited += Bench.seconds(since: clock)
        clock = ContinuousClock.now
        try await index.apply(records)
        applying += Bench.seconds(since: clock)
        done += count
        stretch += count
        // As in a worker whose reporter keeps up.
        let committed = Int64(done / partitionCount)
        await index.forgetDecisions(
          before: Dictionary(uniqueKeysWithValues: (0..<Int32(partitionCount)).map { ($0, committed) }))
      }
      var times: [Double] = []
      for _ in 0..<9 {
        let query = IndexQuery(tenant: .standard, vector: vector(0, base, &random), depth: 10)
        let clock = ContinuousClock.now
        _ = try await index.search([query])
        times.append(Bench.seconds(since: clock))
      }
      let status = try JSONReader.read(Array(index.statusText.utf8))
      func number(_ name: String) -> Double { Double(status[name]?.numberText ?? "") ?? 0 }
      print(
        String(
          format: "%8d  %10.0f  %7.1f  %14.2f  %9d  %14.2f  %11.1f  %11.1f", done,
          Double(stretch) / (applying + waited), applying / Double(stretch) * 1e6, Bench.median(times) * 1000,
          status["segments"]?.arrayValue?.count ?? 0,
          number("sealed_bytes") == 0 ? 1 : number("written_bytes") / number("sealed_bytes"),
          anonymousMebibytes, number("mapped_bytes") / 1_048_576))
      (stretch, applying, waited) = (0, 0, 0)
    }
    if let fault = await index.compact() { print(fault) }
    for task in [storing, merging] {
      task.cancel()
      await task.value
    }
    for round in 1...3 {
      let clock = ContinuousClock.now
      let numbers = try Manifest.numbers(disk)
      let manifest = try Manifest(disk, number: numbers[0])
      let engine = try IndexEngine(disk, IndexOptions(model: ""), manifest)
      print(
        String(
          format: "opened and checked, page cache warm, run %d: %.2f s for %d rows", round,
          Bench.seconds(since: clock), engine.rowCount))
    }
  }

  /// Memory of this process without mapped files.
  private static var anonymousMebibytes: Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon") } ?? ""
    return (Double(line.split(separator: " ").dropFirst().first ?? "") ?? 0) / 1024
  }

  private static let words = "the a of pump door valve list kernel page index buffer lock thread query shard"
    .split(
      separator: " ")

  private static func vector(_ number: Int, _ base: MappedFile?, _ random: inout SplitMix) -> [Float] {
    var values: [Float] = []
    if let base {
      let count = base.byteCount / 4 / dimension
      let row = number < count ? number : Int.random(in: 0..<count, using: &random)
      base.appendFloats(at: row * dimension * 4, count: dimension, to: &values)
      if number < count { return values }
      for index in values.indices { values[index] += Float.random(in: -0.03...0.03, using: &random) }
    } else {
      values = (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
    }
    let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return values.map { $0 / length }
  }

  private static func record(_ number: Int, _ base: MappedFile?, _ random: inout SplitMix) -> ConsumerRecord {
    let partition = Int32(number % partitionCount)
    guard let id = DocumentID("document-\(number)") else { preconditionFailure("an id of ASCII") }
    let version = Version(epoch: 1, offset: Int64(number / partitionCount))
    var header = PartHeader(
      document: DocumentInfo(key: DocumentKey(tenant: .standard, id: id), version: version))
    header.digest = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 16)
    header.partCount = 1
    header.chunkCount = 1
    var chunk = Chunk()
    chunk.text = (0..<36).map { _ in words.randomElement(using: &random) ?? "" }.joined(separator: " ")
    chunk.end = UInt64(chunk.text.utf8.count)
    chunk.contentHash = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    let batch = VectorBatch(
      header: header,
      content: .vectors(chunks: [chunk], dimension: dimension, values: vector(number, base, &random)))
    return ConsumerRecord(
      position: RecordPosition(topic: "v", partition: partition, offset: version.offset),
      timestampMilliseconds: 1, key: batch.key.bytes, value: batch.wireBytes)
  }
}
