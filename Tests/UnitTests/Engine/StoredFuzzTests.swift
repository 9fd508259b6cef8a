// swift-format-ignore-file: NeverForceUnwrap
import Engine
import Foundation
import Records
import Segments
import Storage
import TestSupport
import Testing

// Goal: files of a stored index with right checksums are read or refused, whatever they contain, and never crash the
// process. Method: files of random histories are changed and get new checksums; then the index is verified,
// opened, searched, continued, stored and merged.

@Suite struct StoredFuzzTests {
  /// How long the test runs, in seconds. To run it longer by hand (`scripts/fuzz.sh`): `MILLRACE_INDEX_FUZZ=600`.
  private static let seconds =
    ProcessInfo.processInfo.environment["MILLRACE_INDEX_FUZZ"].flatMap { Double($0) } ?? 4

  private func reseal(_ disk: SimulatedDisk, _ name: String, _ change: (inout [UInt8]) -> Void) throws {
    let bytes = disk.bytes(name)
    let magic = String(decoding: bytes.suffix(8), as: UTF8.self)
    let place = bytes.count - 20
    let length = (0..<8).reduce(0) { $0 | Int(bytes[place + $1]) << ($1 * 8) }
    var content = Array(bytes[..<length])
    change(&content)
    let writer = try BlockFileWriter(disk, name, magic: magic)
    try writer.append(content)
    _ = try writer.finish()
  }

  private func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
    guard !bytes.isEmpty else { return }
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      let place = Int.random(in: bytes.indices, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 2:
        // A number may be stored at a multiple of four.
        let start = place / 4 * 4
        let values: [UInt32] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, .max, 0xFFFF, 1 << 20]
        let value = values.randomElement(using: &random)!
        for index in 0..<4 where start + index < bytes.count {
          bytes[start + index] = UInt8(truncatingIfNeeded: value >> UInt32(index * 8))
        }
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...9, using: &random)))
      case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 8)], at: place)
      default:
        // The directory is at the end.
        let near = max(0, bytes.count - 1 - Int.random(in: 0..<300, using: &random))
        if bytes.indices.contains(near) { bytes[near] = UInt8.random(in: 0...255, using: &random) }
      }
      if bytes.isEmpty { return }
    }
  }

  /// Does everything that can be done with a stored index.
  ///
  /// - Throws: `StorageError` when something can't be read.
  private func use(_ disk: SimulatedDisk, _ history: IndexHistory, _ random: inout SplitMix) throws {
    guard let number = try Manifest.numbers(disk).first else { return }
    let manifest = try Manifest(disk, number: number)
    do { _ = try IndexVerification(disk, manifest) } catch is StorageError {}
    let replica = try IndexReplica(disk, history)
    for tenant in ["a", "a-b"].map({ TenantID($0)! }) {
      let vector = (0..<IndexHistory.dimension).map { _ in Float.random(in: -1...1, using: &random) }
      let query = IndexQuery(
        tenant: tenant, principals: ["boss"], vector: vector, question: "a/1 b 12 0 1", depth: 20)
      do {
        _ = try HybridSearch(replica.engine.view, .standard).search([query], threads: 2)
      } catch is StorageError {}
    }
    while (0..<history.records.count).contains(replica.position) {
      guard (try? replica.applyNext()) != nil else { break }
    }
    replica.checkpoint()
    replica.merge(.allSegments)
    replica.merge(.allTables)
    replica.checkpoint()
    _ = IndexReport(replica.engine.status, nil).json.text
  }

  @Test("files with right checksums and wrong content are read or refused without a crash")
  func resealed() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("stored files, seed \(seed)")
    var random = SplitMix(state: seed)
    let end = ContinuousClock.now + .seconds(Self.seconds)
    var (rounds, refused) = (0, 0)
    while rounds < 40 || ContinuousClock.now < end {
      let history = IndexHistory(seed: random.next(), length: 60)
      let disk = SimulatedDisk()
      let writer = try IndexReplica(disk, history) { options in
        options.panels = Bool.random(using: &random) ? .bf16 : .fp32
      }
      while writer.position < 50 {
        try writer.applyNext()
        if Int.random(in: 0..<12, using: &random) == 0 { writer.checkpoint() }
      }
      writer.checkpoint()
      let files = try Manifest(disk, number: try Manifest.numbers(disk)[0]).files.sorted()
      for _ in 0..<20 {
        let copy = disk.copy
        for _ in 0..<Int.random(in: 1...2, using: &random) {
          try reseal(copy, files.randomElement(using: &random)!) { mutate(&$0, &random) }
        }
        do { try use(copy, history, &random) } catch is StorageError { refused += 1 }
        rounds += 1
      }
    }
    print("\(rounds) changed indexes, \(refused) of them refused at once")
    #expect(refused > 0, "seed \(seed)")
  }
}
