import Records

/// The candidates of one round of one query, until its shards have answered. A value: no I/O.
package struct Gathering: Sendable {
  package private(set) var candidates: [CandidatesRecord] = []
  private var covered: Set<Int32> = []

  package init() {}

  /// Adds a shard's best; a repeat of the same shard counts once.
  package mutating func add(_ record: CandidatesRecord) {
    guard !candidates.contains(where: { $0.shard == record.shard && $0.shardCount == record.shardCount })
    else {
      return
    }
    candidates.append(record)
    covered.formUnion(record.partitions)
  }

  /// A round is complete when the partitions of its candidates cover all of `rag.vectors`, or when the query is
  /// passed on without work.
  package var isComplete: Bool {
    guard let first = candidates.first else { return false }
    return first.flight.outcome != nil || covered.count >= Int(first.partitionTotal)
  }

  package var shardsAnswered: UInt32 { UInt32(candidates.count) }
  package var shardsTotal: UInt32 { candidates.first?.shardCount ?? 0 }
  package var behind: IndexBehind { candidates.reduce(IndexBehind()) { $0.worst($1.behind) } }

  /// The flight with the slowest shard's timings, which is what the query waited for.
  package var flight: QueryInFlight? {
    candidates.map(\.flight).max { a, b in
      a.sentAtMicroseconds < b.sentAtMicroseconds
    }
  }
}
