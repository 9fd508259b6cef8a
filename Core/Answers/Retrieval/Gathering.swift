import Records

/// The candidates of one round of one query that have arrived so far. A value without I/O.
package struct Gathering: Sendable {
  package private(set) var candidates: [CandidatesRecord] = []
  private var covered: Set<Int32> = []

  package init() {}

  /// Adds a shard's candidates, unless that shard (with the same shard count) has given some before.
  package mutating func add(_ record: CandidatesRecord) {
    guard !candidates.contains(where: { $0.shard == record.shard && $0.shardCount == record.shardCount })
    else {
      return
    }
    candidates.append(record)
    covered.formUnion(record.partitions)
  }

  /// True when the candidates cover all partitions of `rag.vectors`, when all shards have sent some, with or without
  /// hits, or when the query already has its outcome and is only passed on.
  package var isComplete: Bool {
    guard let first = candidates.first else { return false }
    return first.flight.outcome != nil || covered.count >= Int(first.partitionTotal)
      || candidates.count { $0.shardCount == first.shardCount } >= Int(first.shardCount)
  }

  /// The number of shards that answered. A shard whose candidates can't be sent, for example because the broker refuses
  /// the record, sends a record that covers no partition instead. It does not count.
  package var shardsAnswered: UInt32 {
    UInt32(candidates.count { !$0.partitions.isEmpty || $0.flight.outcome != nil })
  }
  package var shardsTotal: UInt32 { candidates.first?.shardCount ?? 0 }
  /// How far the indexes were behind. The query's token counts as missed, too, if the shard that has its partition did
  /// not answer.
  package var behind: IndexBehind {
    var worst = candidates.reduce(IndexBehind()) { $0.worst($1.behind) }
    if let flight = candidates.first?.flight, flight.outcome == nil, let token = flight.query.after,
      !covered.contains(token.partition)
    {
      worst.hasMissedToken = true
    }
    return worst
  }

  /// The flight with the timings of the slowest shard, because the query waited for that shard.
  package var flight: QueryInFlight? {
    candidates.map(\.flight).max { a, b in
      a.sentAtMicroseconds < b.sentAtMicroseconds
    }
  }
}
