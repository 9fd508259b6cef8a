import CPeaks
import Catalog
import Dispatch
import Analysis
import Encoder
import Engine
import Lexical
import Foundation
import Records
import Segments
import Storage
import Synchronization
import TestSupport
import VectorMath

/// `millrace-bench index-scan` measures our exact search or one with OpenBLAS, and prints a JSON line for each cell
/// (batch size and number of threads). `index-peaks` measures what the processor can do. `make bench-index` calls both.
enum IndexScan {
  private struct Arguments {
    var base = ""
    var queries = ""
    var dimension = 384
    var cells: [(batch: Int, threads: Int)] = []
    var seconds = 1.0
    var isOurs = true
    var panels = Panels.Kind.bf16
    var top: String?
    /// The instruction set, as a number of `Panels.use`; nil for the best.
    var set: Int32?

    init(_ words: [String]) throws {
      func value(_ name: String) -> String? {
        words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
      }
      guard words.count >= 2 else { throw BenchError("index-scan BASE.f32 QUERIES.f32 [options]") }
      (base, queries) = (words[0], words[1])
      dimension = value("--dimension").flatMap { Int($0) } ?? 384
      seconds = value("--seconds").flatMap { Double($0) } ?? 1
      isOurs = value("--engine") != "openblas"
      panels = value("--panels") == "fp32" ? .fp32 : .bf16
      top = value("--top")
      set = value("--set").flatMap { Int32($0) }
      let cells = value("--cells") ?? "\(value("--batch") ?? "1")x\(value("--threads") ?? "1")"
      for cell in cells.split(separator: ",") {
        let numbers = cell.split(separator: "x").compactMap { Int($0) }
        guard numbers.count == 2, numbers.allSatisfy({ $0 > 0 }) else {
          throw BenchError("--cells: '\(cell)' must be BATCHxTHREADS")
        }
        self.cells.append((numbers[0], numbers[1]))
      }
    }
  }

  private struct BenchError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
  }

  private static let depth = 10

  /// The vectors of a file as documents of one tenant, with one chunk each, in the order of the file.
  private struct FileSource: SegmentSource {
    let file: MappedFile
    let dimension: Int

    var documentCount: Int { file.byteCount / 4 / dimension }
    func key(of document: Int) -> [UInt8] { Array("default/\(String(10_000_000 + document))".utf8) }
    func rowCount(of document: Int) -> Int { 1 }
    func appendVectors(of document: Int, to values: inout [Float]) {
      file.appendFloats(at: document * dimension * 4, count: dimension, to: &values)
    }
    func facts(of document: Int) -> [UInt8] {
      guard let id = DocumentID(String(10_000_000 + document)) else { return [] }
      let info = DocumentInfo(
        key: DocumentKey(tenant: .standard, id: id), version: Version(epoch: 1, offset: 1))
      return DocumentFacts(
        IndexedDocument(info: info, set: SetID(version: info.version, digest: [1]), chunks: [], vectors: [])
      ).bytes
    }
    func access(of document: Int) -> [PrincipalHash]? { nil }
    func expiry(of document: Int) -> Int64 { 0 }
    func chunks(of document: Int) -> [[UInt8]] { [Chunk().messageBytes] }
    func language(of document: Int) -> Language { .unknown }
    var rowTotal: Int { documentCount }
    func firstRow(of document: Int) -> Int { document }
    /// No two rows have the same text.
    func words(ofRow row: Int) -> (lengths: FieldLengths, textHash: UInt64) {
      (FieldLengths(), UInt64(row) + 1)
    }
    func terms(ofTenantOf document: Int) -> [any TermStream] { [] }
  }

  static func run(_ words: [String]) throws {
    BLAS.useOneThread()
    let arguments = try Arguments(words)
    guard Panels.use(instructionSet: arguments.set) else {
      throw BenchError("--set: this processor has no such instruction set")
    }
    let base = try MappedFile(path: arguments.base)
    let queryFile = try MappedFile(path: arguments.queries)
    let dimension = arguments.dimension
    let queryCount = queryFile.byteCount / 4 / dimension
    func queries(_ start: Int, _ count: Int) -> [[Float]] {
      (0..<count).map { offset in
        var values: [Float] = []
        queryFile.appendFloats(
          at: (start + offset) % queryCount * dimension * 4, count: dimension, to: &values)
        return values
      }
    }
    let contestant: any Contestant =
      arguments.isOurs
      ? try Ours(FileSource(file: base, dimension: dimension), arguments.panels)
      : Blocked(base, dimension: dimension)
    let recall = try arguments.top.map { try Self.recall(contestant, $0, queryCount, queries) }
    for (batch, threads) in arguments.cells {
      var times: [Double] = []
      let end = Date().timeIntervalSince1970 + arguments.seconds
      _ = try contestant.best(queries(0, batch), threads: threads)
      var start = batch
      while times.count < 5 || Date().timeIntervalSince1970 < end {
        let some = queries(start, batch)
        let clock = ContinuousClock.now
        _ = try contestant.best(some, threads: threads)
        times.append(Bench.seconds(since: clock))
        start += batch
      }
      let median = Bench.median(times)
      let line: [String: Any] = [
        "engine": arguments.isOurs ? "ours" : "openblas",
        "panels": arguments.isOurs ? (arguments.panels == .bf16 ? "bf16" : "fp32") : "",
        "rows": base.byteCount / 4 / dimension, "batch": batch, "threads": threads,
        "seconds_per_call_median": median, "queries_per_s": Double(batch) / median,
        "recall_at_10": recall as Any? ?? NSNull(), "instruction_set": Panels.instructionSet,
        "openblas_kernel": BLAS.coreName, "calls": times.count,
      ]
      try write(line)
    }
  }

  private static func write(_ line: [String: Any]) throws {
    FileHandle.standardOutput.write(
      try JSONSerialization.data(withJSONObject: line, options: [.sortedKeys]) + Data("\n".utf8))
  }

  /// The recall: the share of the true ten best rows that is found.
  private static func recall(
    _ contestant: any Contestant, _ path: String, _ queryCount: Int, _ queries: (Int, Int) -> [[Float]]
  ) throws -> Double {
    let truth = try MappedFile(path: path)
    let count = min(queryCount, truth.byteCount / 4 / depth)
    var hits = 0
    for start in stride(from: 0, to: count, by: 64) {
      let size = min(64, count - start)
      for (offset, found) in try contestant.best(queries(start, size), threads: 2).enumerated() {
        let true10 = Set((0..<depth).map { Int(truth.uint32(at: ((start + offset) * depth + $0) * 4)) })
        hits += found.count { true10.contains($0) }
      }
    }
    return Double(hits) / Double(count * depth)
  }

  private protocol Contestant {
    /// The numbers of the ten best rows of each query.
    func best(_ queries: [[Float]], threads: Int) throws -> [[Int]]
  }

  /// Our exact search of one stored segment. It reads no texts of its hits, because the others have no texts to read.
  private struct Ours: Contestant {
    private let view: IndexView
    private let folder: TemporaryFolder

    init(_ source: FileSource, _ panels: Panels.Kind) throws {
      folder = try TemporaryFolder()
      let disk = try FolderDisk(folder.path)
      _ = try SegmentWriter(
        disk, name: Segment.name(1), kind: panels, dimension: source.dimension, weights: FieldWeights(),
        sources: [source],
        isLive: { _, _ in true }
      ).write()
      let segment = try Segment(disk, id: 1)
      view = IndexView(of: segment)
    }

    func best(_ queries: [[Float]], threads: Int) throws -> [[Int]] {
      let all = queries.map { IndexQuery(tenant: .standard, vector: $0, depth: IndexScan.depth) }
      return try ExactSearch.rows(view, all, threads: threads).map { $0.map(\.row) }
    }
  }

  private final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
      path = FileManager.default.temporaryDirectory.appendingPathComponent("index-\(UUID().uuidString)").path
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  /// OpenBLAS on blocks of 512 rows. Each of our threads calls it with one BLAS thread, and with sgemv for a single
  /// query.
  private struct Blocked: Contestant {
    private static let blockRows = 512
    private let vectors: FloatBuffer
    private let dimension: Int
    private let rowCount: Int

    init(_ file: MappedFile, dimension: Int) {
      self.dimension = dimension
      rowCount = file.byteCount / 4 / dimension
      vectors = FloatBuffer(file, byteOffset: 0, count: rowCount * dimension)
    }

    func best(_ queries: [[Float]], threads: Int) -> [[Int]] {
      let all = Mutex<[[(row: Int, score: Float)]]>(
        [[(row: Int, score: Float)]](repeating: [], count: queries.count))
      let each = (rowCount + threads - 1) / threads
      @Sendable func scan(_ share: Int) {
        let questions = FloatBuffer(queries.flatMap { $0 })
        let scores = FloatBuffer(count: queries.count * Self.blockRows)
        var best = [[(row: Int, score: Float)]](repeating: [], count: queries.count)
        var start = share * each
        let end = min(rowCount, start + each)
        while start < end {
          let count = min(Self.blockRows, end - start)
          let block = Matrix(vectors, at: start * dimension, rowCount: count, columnCount: dimension)
          if queries.count == 1 {
            BLAS.multiply(block, vector: questions, into: scores)
          } else {
            BLAS.multiply(
              Matrix(questions, rowCount: queries.count, columnCount: dimension), transposed: block,
              into: Matrix(scores, rowCount: queries.count, columnCount: count))
          }
          for query in queries.indices {
            let values = scores.read(at: query * count, count: count)
            var threshold =
              best[query].count == IndexScan.depth ? best[query][IndexScan.depth - 1].score : -.infinity
            for (index, score) in values.enumerated() where score > threshold {
              let place = best[query].firstIndex { $0.score < score } ?? best[query].count
              best[query].insert((start + index, score), at: place)
              if best[query].count > IndexScan.depth { best[query].removeLast() }
              if best[query].count == IndexScan.depth { threshold = best[query][IndexScan.depth - 1].score }
            }
          }
          start += count
        }
        let found = best
        all.withLock { all in for query in found.indices { all[query] += found[query] } }
      }
      if threads == 1 { scan(0) } else { DispatchQueue.concurrentPerform(iterations: threads) { scan($0) } }
      return all.withLock { all in
        all.map { $0.sorted { $0.score > $1.score }.prefix(IndexScan.depth).map(\.row) }
      }
    }
  }

  static func peaks(threads: Int) throws {
    let results = Mutex<(fma: Double, bf16: Double, read: Double)>((0, 0, 0))
    func together(_ body: @Sendable (Int) -> Void) {
      DispatchQueue.concurrentPerform(iterations: threads) { body($0) }
    }
    together { _ in
      let fma = millrace_peak_fma(1)
      results.withLock { $0.fma += fma }
    }
    together { _ in
      let bf16 = millrace_peak_bf16(1)
      results.withLock { $0.bf16 += bf16 }
    }
    results.withLock { $0.read = millrace_read_rate(512 << 20, Int32(threads)) }
    let (fma, bf16, read) = results.withLock { $0 }
    try write([
      "threads": threads, "fma_gflops": fma / 1e9, "bf16_gflops": bf16 == 0 ? NSNull() : bf16 / 1e9 as Any,
      "read_gb_per_s": read / 1e9, "instruction_set": Panels.instructionSet,
    ])
  }

  /// `millrace-bench encoder-peaks [--threads N]`: prints the peak rate of the arithmetic units in billions of
  /// operations per second, by numeric class.
  static func encoderPeaks(_ words: [String]) throws {
    let threads = words.firstIndex(of: "--threads").flatMap { Int(words[min($0 + 1, words.count - 1)]) } ?? 1
    let sums = Mutex<[Double]>([0, 0, 0])
    for (place, peak) in [millrace_peak_fma, millrace_peak_bf16, millrace_peak_int8].enumerated() {
      DispatchQueue.concurrentPerform(iterations: threads) { _ in
        let rate = peak(1)
        sums.withLock { $0[place] += rate / 1e9 }
      }
    }
    let rates = sums.withLock { $0 }
    try write([
      "fp32": rates[0], "bf16": rates[1] == 0 ? NSNull() : rates[1] as Any, "int8": rates[2],
      "instruction_set": InstructionSet.best.rawValue, "threads": threads,
    ])
  }
}
