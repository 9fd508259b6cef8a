import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization

/// What the search shards sent to retrieve for some queries.
package struct SearchedCandidates: Sendable {
  /// For each query the records of its last round, without texts.
  package var records: [[CandidatesRecord]]
  /// The bytes of each record on `rag.candidates`, in no order.
  package var sizes: [Int] = []
  /// How many queries were searched once more with the statistics of all shards.
  package var sharedRounds = 0

  package init(records: [[CandidatesRecord]]) { self.records = records }

  /// Reads the candidates that were sent since a time, in milliseconds since 1970.
  ///
  /// - Throws: `KafkaFailure` when the topic can't be read.
  package static func read(_ queries: [QueryRecord], sinceMilliseconds: Int64, _ settings: Settings)
    async throws
    -> SearchedCandidates
  {
    let places = Dictionary(uniqueKeysWithValues: queries.enumerated().map { ($1.key.bytes, $0) })
    let found = Mutex(SearchedCandidates(records: [[CandidatesRecord]](repeating: [], count: queries.count)))
    let topic = settings.topic(.candidates)
    let partitions = (0..<settings.partitionCount(.candidates)).map { TopicPartition(topic, $0) }
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-eval")) { reader in
      try await reader.assign(
        Dictionary(uniqueKeysWithValues: partitions.map { ($0, .time(milliseconds: sinceMilliseconds)) }))
      try await reader.readToEnd(limit: .seconds(600)) { records in
        for record in records {
          guard let key = record.key, let place = places[key], let value = record.value,
            let candidates = try? CandidatesRecord(wireBytes: value)
          else { continue }
          found.withLock { $0.add(candidates, bytes: value.count, at: place) }
        }
      }
    }
    return found.withLock { $0 }
  }

  private mutating func add(_ candidates: CandidatesRecord, bytes: Int, at place: Int) {
    sizes.append(bytes)
    var kept = candidates
    for index in kept.hits.indices { kept.hits[index].chunk.text = "" }
    let known = records[place].first?.round ?? 0
    if kept.round < known { return }
    if kept.round > known {
      records[place] = []
      if kept.words?.isShared ?? false { sharedRounds += 1 }
    }
    // A record that was written twice after a crash counts once.
    if !records[place].contains(where: { $0.shard == kept.shard }) { records[place].append(kept) }
  }
}
