import KafkaClient
import Records
import Synchronization

/// One byte of flags per offset of `rag.documents`, at most `Ledger.documentsMax` bytes. The byte also holds the stage
/// of a document in flight, so a backlog takes no more memory.
final class VersionFlags: Sendable {
  private static let terminals: UInt8 = 0b0001_1110
  /// Set when a later terminal state differs from the first one. Before there is a terminal state, the same bit means
  /// `Ledger.isInSearch`.
  static let isContradicted: UInt8 = 32
  private static let isRepeated: UInt8 = 128
  private let ranges: [Int32: Range<Int64>]
  private let flags: Mutex<[Int32: [UInt8]]>

  package init(_ unit: [TopicPartition: Range<Int64>]) {
    ranges = Dictionary(uniqueKeysWithValues: unit.map { ($0.key.partition, $0.value) })
    flags = Mutex(ranges.mapValues { [UInt8](repeating: 0, count: $0.count) })
  }

  package func mark(_ partition: Int32, _ offset: Int64, _ bits: UInt8) {
    guard let range = ranges[partition], range.contains(offset) else { return }
    let index = Int(offset - range.lowerBound)
    flags.withLock { flags in
      guard var known = flags[partition]?[index] else { return }
      let terminal = bits & Self.terminals
      switch known & Self.terminals {
      case 0:
        // The document has its terminal state: clear the flags of a document in flight.
        if terminal != 0 { known &= 0b0000_0001 }
        known |= bits
      case terminal: known |= Self.isRepeated
      default: if terminal != 0 { known |= Self.isContradicted }
      }
      flags[partition]?[index] = known
    }
  }

  package subscript(_ partition: Int32, _ offset: Int64) -> UInt8 {
    guard let range = ranges[partition], range.contains(offset) else { return 0 }
    return flags.withLock { $0[partition]?[Int(offset - range.lowerBound)] ?? 0 }
  }
}
