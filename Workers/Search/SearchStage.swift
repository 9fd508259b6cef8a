import Flat
import Pools
import KafkaClient
import Records
import Services
import Settings
import Stage
import Time

/// `rag.searches` → `rag.candidates`: one shard's best for every query.
package struct SearchStage: BatchWork {
  private let context: StageContext
  private let shard: Int
  private let partitions: [Int32]
  private let index: SearchIndex

  /// The services of one search replica, in start order.
  package static func services(_ context: StageContext, shard: Int) -> [any Service] {
    let settings = context.settings
    let layout = settings.search.layout
    let partitions = layout.partitions(ofShard: shard, count: settings.partitionCount(.vectors))
    let index = SearchIndex(model: settings.encoder.model, metrics: context.metrics, logger: context.logger)
    let searchGate = Gate(isOpen: false)
    let reporterGate = Gate(isOpen: false)
    return [
      ReplayService(context, partitions: partitions, index: index, gates: [searchGate, reporterGate]),
      BatchStage(
        context, group: ConsumerGroup.index(shard: shard, of: layout).name, topics: [context.topic(.vectors)],
        batchRecordsMax: 256, gate: reporterGate,
        work: Reporter(context, partitions: Set(partitions), index: index)),
      BatchStage(
        context, group: ConsumerGroup.search(shard: shard, of: layout).name,
        topics: [context.topic(.searches)],
        batchRecordsMax: settings.search.batchRecordsMax, gate: searchGate,
        work: SearchStage(context: context, shard: shard, partitions: partitions, index: index)),
    ]
  }

  /// - Throws: Only `CancellationError`, while it waits until the index has applied a query's token.
  package func work(on records: [ConsumerRecord]) async throws -> [OutgoingRecord] {
    let watch = Stopwatch()
    var outputs: [OutgoingRecord] = []
    var searches: [(record: ConsumerRecord, search: SearchRecord, wait: Double)] = []
    for record in records {
      do {
        guard let value = record.value else { continue }
        var search = try SearchRecord(wireBytes: value)
        let wait = search.flight.waitMilliseconds
        if search.flight.outcome == nil, search.flight.isExpired {
          context.metrics.increment(.expiredQueries, [("stage", context.name)])
          search.flight.outcome = .expired
        }
        searches.append((record, search, wait))
      } catch {
        let fault = RecordError(code: .badRecord, field: "value", message: "\(error)")
        outputs.append(context.deadLetter(record, fault, rule: "must be a Search"))
      }
    }
    // One limit for the batch: one after another, its queries could hold the shard for minutes.
    let limit = ContinuousClock.now + context.settings.search.wait
    for (_, search, _) in searches where search.flight.outcome == nil {
      try await waitFor(search.flight.query.after, until: limit)
    }
    let working = searches.indices.filter { searches[$0].search.flight.outcome == nil }
    let now = WallClock.milliseconds
    let scan = Stopwatch()
    let results = await index.search(
      working.map { position in
        let search = searches[position].search
        let query = search.flight.query
        return IndexQuery(
          tenant: query.tenant, principals: query.principals, filter: query.filter,
          vector: search.vector,
          depth: max(context.settings.search.depth, query.topK ?? 0), nowMilliseconds: now)
      })
    if !working.isEmpty {
      context.metrics.observe(.searchDuration, seconds: scan.seconds, [("db.operation.name", "search")])
    }
    let behind = await index.behind
    var hits: [Int: [IndexMatch]] = [:]
    for (row, position) in working.enumerated() { hits[position] = results[row] }
    for (position, (record, search, wait)) in searches.enumerated() {
      let candidates = candidates(search, hits[position] ?? [], behind, wait, watch)
      outputs.append(
        context.queryRecord(
          .candidates, search.flight.key, candidates.wireBytes, headers: record.passedHeaders))
    }
    return outputs
  }

  /// The query goes on, without this shard's hits.
  ///
  /// - Throws: Nothing.
  package func refused(_ record: ConsumerRecord, _ fault: RecordError) async throws -> [OutgoingRecord] {
    let letter = context.deadLetter(record, fault, rule: "must be smaller")
    guard let value = record.value, let search = try? SearchRecord(wireBytes: value) else { return [letter] }
    var empty = candidates(search, [], await index.behind, search.flight.waitMilliseconds, Stopwatch())
    // Nothing of them was looked through, as far as the answer goes: it is of fewer shards.
    empty.partitions = []
    return [
      context.queryRecord(.candidates, search.flight.key, empty.wireBytes, headers: record.passedHeaders),
      letter,
    ]
  }

  private func candidates(
    _ search: SearchRecord, _ matches: [IndexMatch], _ behind: IndexBehind, _ wait: Double, _ watch: Stopwatch
  ) -> CandidatesRecord {
    var candidates = CandidatesRecord(
      flight: search.flight.passedOn(stage: "search", wait: wait, work: watch))
    candidates.round = search.round
    candidates.shard = UInt32(shard)
    candidates.shardCount = UInt32(context.settings.search.shards)
    candidates.partitions = partitions
    candidates.partitionTotal = UInt32(context.settings.partitionCount(.vectors))
    candidates.behind = behind
    candidates.model = search.model
    candidates.vector = search.vector
    candidates.dense = matches.map { match in
      var document = match.document
      document.acl = nil  // who may read is decided here; the list goes no further
      return Hit(document: document, digest: match.set.digest, chunk: match.chunk, denseScore: match.score)
    }
    return candidates
  }

  /// Read your writes: a replica before the token waits a little, then says how far behind it is.
  private func waitFor(_ token: VectorsToken?, until limit: ContinuousClock.Instant) async throws {
    guard let token, partitions.contains(token.partition) else { return }
    while await index.position(of: token.partition) < token.nextOffset, ContinuousClock.now < limit {
      try await Task.sleep(for: .milliseconds(2))
    }
  }
}
