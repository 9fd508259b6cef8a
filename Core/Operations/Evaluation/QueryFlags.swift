import Records
import Synchronization

/// Flags of queries by a 64-bit hash of their key. Among four million keys, two have the same hash with a probability
/// of one in two million.
final class QueryFlags: Sendable {
  private struct Entry {
    var flags: UInt8
    var stage: UInt8
    /// The terminal state of an earlier query with this ID, answered so shortly before that this query gets no answer
    /// of its own.
    var earlier: UInt8 = 0
    /// True when a later terminal state differs from the first one.
    var isContradicted = false
    var partition: Int32
    var offset: Int64
    /// The timestamp of the newest query record with this ID, in milliseconds since 1970. An older answer belongs to an
    /// earlier query.
    var askedAt: Int64
  }
  /// How far the clocks of brokers and clients may differ, in milliseconds.
  static let skew: Int64 = 60_000
  /// For how long after an answer the same ID gets no second answer, in milliseconds.
  static let repeatMax = QueryRecord.deadlineMaxMilliseconds
  private static let terminals: UInt8 = 0b0011_1110
  private let isMine: @Sendable (UInt64) -> Bool
  private let table = Mutex<[UInt64: Entry]>([:])

  init(isMine: @escaping @Sendable (UInt64) -> Bool) { self.isMine = isMine }

  private static func hash(_ key: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  func mark(_ key: [UInt8], _ bits: UInt8, at position: RecordPosition, _ milliseconds: Int64) {
    let hash = Self.hash(key)
    guard isMine(hash) else { return }
    table.withLock { table in
      var entry =
        table[hash]
        ?? Entry(
          flags: 0, stage: 0, partition: position.partition, offset: position.offset,
          askedAt: max(0, milliseconds))
      entry.flags |= bits
      entry.askedAt = max(entry.askedAt, milliseconds)
      table[hash] = entry
    }
  }

  /// Adds flags to a query that was read before. Other keys are ignored, because answers are kept longer than queries.
  func markKnown(_ key: [UInt8], _ bits: UInt8, stage: UInt8 = 0, at milliseconds: Int64 = .max) {
    let hash = Self.hash(key)
    guard isMine(hash) else { return }
    table.withLock { table in
      guard var entry = table[hash] else { return }
      let terminal = bits & Self.terminals
      if milliseconds < entry.askedAt - Self.skew {
        if milliseconds >= entry.askedAt - Self.skew - Self.repeatMax { entry.earlier = terminal }
        table[hash] = entry
        return
      }
      switch entry.flags & Self.terminals {
      case 0: entry.flags |= bits
      case terminal: entry.flags |= bits | 128
      default:
        // The first terminal state counts.
        if terminal != 0 { entry.isContradicted = true }
        entry.flags |= bits & ~Self.terminals
      }
      entry.stage = max(entry.stage, stage)
      table[hash] = entry
    }
  }

  /// The flags of each query and the position of its first record. The position is given as numbers, because names
  /// would take more memory than the table.
  var entries: [(flags: UInt8, isContradicted: Bool, stage: UInt8, partition: Int32, offset: Int64)] {
    table.withLock { table in
      table.values.map {
        entry -> (flags: UInt8, isContradicted: Bool, stage: UInt8, partition: Int32, offset: Int64) in
        // The earlier query's answer counts only if this query has none of its own.
        let flags = entry.flags & Self.terminals == 0 ? entry.flags | entry.earlier : entry.flags
        return (flags, entry.isContradicted, entry.stage, entry.partition, entry.offset)
      }
    }
  }
}
