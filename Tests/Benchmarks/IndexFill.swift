import Engine
import Foundation
import KafkaClient
import Records
import Search
import Storage
import Telemetry
import TestSupport
import VectorMath

/// `millrace-bench index-fill ROWS [BASE.f32] [--svg FILE] [--tenants N]`: applies records of `rag.vectors` to a stored
/// index as a search worker does, while the index stores and merges segments; then measures the time to open it again.
enum IndexFill {
  private static let batchCount = 512

  static func run(_ words: [String]) async throws {
    let rows = words.first.flatMap { Int($0) } ?? 200_000
    let base = words.count > 1 && !words[1].hasPrefix("--") ? try MappedFile(path: words[1]) : nil
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
    let tenants = words.firstIndex(of: "--tenants").flatMap { Int(words[min($0 + 1, words.count - 1)]) }
    var source = IndexRecords(base: base, tenantCount: max(1, tenants ?? 1))
    var (puts, searches): ([(Int, Double)], [(Int, Double)]) = ([], [])
    var (done, waited, applying) = (0, 0.0, 0.0)
    var stretch = 0
    let marks = [50_000, 100_000, 200_000, 400_000, 685_020, 1_000_000].filter { $0 <= rows } + [rows]
    for mark in marks where mark > done {
      while done < mark {
        let count = min(batchCount, mark - done)
        let records = (0..<count).map { record(done + $0, &source) }
        var clock = ContinuousClock.now
        while await index.mustWait { try await Task.sleep(for: .milliseconds(5)) }
        waited += Bench.seconds(since: clock)
        clock = ContinuousClock.now
        try await index.apply(records)
        applying += Bench.seconds(since: clock)
        done += count
        stretch += count
        // Forget the decisions about all applied records, as in a worker whose reporter keeps up.
        let committed = Int64(done / source.partitionCount)
        await index.forgetDecisions(
          before: Dictionary(uniqueKeysWithValues: (0..<Int32(source.partitionCount)).map { ($0, committed) })
        )
      }
      var times: [Double] = []
      for _ in 0..<9 {
        let query = IndexQuery(tenant: source.tenant(of: 0), vector: source.vector(0), depth: 10)
        let clock = ContinuousClock.now
        _ = try await index.search([query])
        times.append(Bench.seconds(since: clock))
      }
      for (bound, words) in [(1, "one of \(IndexRecords.groupCount) documents"), (0, "none")] {
        let times = try await filtered(index, &source, below: bound)
        print(
          String(
            format: "          a filter that keeps %@: first query %.1f ms, then p50 %.1f ms", words,
            (times.first ?? 0) * 1000, Bench.median(Array(times.dropFirst())) * 1000))
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
      puts.append((done, applying / Double(stretch) * 1e6))
      searches.append((done, Bench.median(times) * 1000))
      (stretch, applying, waited) = (0, 0, 0)
    }
    if let place = words.firstIndex(of: "--svg"), place + 1 < words.count {
      let plot = GrowthPlot(
        title: "Cost by rows of the index, \(Panels.instructionSet)",
        curves: [
          .init(name: "us per put", color: "steelblue", points: puts),
          .init(name: "ms per query, beside the puts", color: "firebrick", points: searches),
        ])
      try plot.svg.write(toFile: words[place + 1], atomically: true, encoding: .utf8)
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

  /// The seconds that each of five queries takes, with a filter that keeps the documents whose group is below `bound`.
  private static func filtered(_ index: SearchIndex, _ source: inout IndexRecords, below bound: Int)
    async throws
    -> [Double]
  {
    let condition = JSONValue.object([JSONMember(name: "$lt", value: .int(bound))])
    let query = IndexQuery(
      tenant: source.tenant(of: 0),
      filter: try MetadataFilter(json: .object([JSONMember(name: "group", value: condition)])),
      vector: source.vector(0), depth: 10)
    var times: [Double] = []
    for _ in 0..<5 {
      let clock = ContinuousClock.now
      _ = try await index.search([query])
      times.append(Bench.seconds(since: clock))
    }
    return times
  }

  /// Memory of this process without mapped files.
  private static var anonymousMebibytes: Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon") } ?? ""
    return (Double(line.split(separator: " ").dropFirst().first ?? "") ?? 0) / 1024
  }

  private static func record(_ number: Int, _ source: inout IndexRecords) -> ConsumerRecord {
    let batch = source.batch(number)
    return ConsumerRecord(
      position: RecordPosition(
        topic: "v", partition: Int32(number % source.partitionCount),
        offset: batch.header.document.version.offset),
      timestampMilliseconds: 1, key: batch.key.bytes, value: batch.wireBytes)
  }
}
