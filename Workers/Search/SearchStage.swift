import Analysis
import Engine
import Pools
import KafkaClient
import Lexical
import Records
import Services
import Settings
import Stage
import Storage
import Time

/// `rag.searches` → `rag.candidates`: one shard's best hits for each query.
package struct SearchStage: StageWork {
  private struct Item {
    var index: Int
    var record: RecordInWork
    var search: SearchRecord
    var wait: Double
  }

  private let context: StageContext
  private let shard: Int
  private let partitions: [Int32]
  private let index: SearchIndex
  private let shared = SharedStatisticsCache()

  /// The services of one search replica, in start order.
  ///
  /// - Throws: `StorageError` when the folder of the index can't be created.
  package static func services(_ context: StageContext, shard: Int) throws -> [any Service] {
    let settings = context.settings
    let layout = settings.search.layout
    let partitions = layout.partitions(ofShard: shard, count: settings.partitionCount(.vectors))
    var options = IndexOptions(model: settings.encoder.model)
    options.panels = settings.search.panels == "fp32" ? .fp32 : .bf16
    options.headRowsMax = settings.search.headRowsMax
    options.headBytesMax = settings.search.headBytesMax
    options.analysis = AnalysisRules(foldsAccents: settings.search.foldsAccents)
    options.weights = FieldWeights(
      title: settings.search.titleWeight, headings: settings.search.headingWeight,
      context: settings.search.headerWeight)
    let index = SearchIndex(
      options, threads: settings.search.threads, metrics: context.metrics, logger: context.logger)
    let folder = settings.search.path.map { volume(in: $0, shard: shard, of: layout) }
    let disk = try folder.map { try FolderDisk($0) }
    let searchGate = Gate(isOpen: false)
    let reporterGate = Gate(isOpen: false)
    return [
      ReplayService(
        context, partitions: partitions, index: index, disk: disk, gates: [searchGate, reporterGate],
        group: context.group(.index(shard: shard, of: layout))),
      IndexMaintenanceService(context, index: index, requests: folder.map(CompactionRequest.init)),
      StageService(
        context, group: context.group(.index(shard: shard, of: layout)), topics: [context.topic(.vectors)],
        shape: StageShape(batchMax: 256, inWorkMax: 1024, isOrdered: true, mixesPartitions: false),
        // A vector record that is given up would leave its version without a state.
        givesUp: false, gate: reporterGate, work: Reporter(context, partitions: Set(partitions), index: index)
      ),
      StageService(
        context, group: context.group(.search(shard: shard, of: layout)), topics: [context.topic(.searches)],
        shape: .batches(of: settings.search.batchRecordsMax, isOrdered: false), gate: searchGate,
        work: SearchStage(context: context, shard: shard, partitions: partitions, index: index)),
    ]
  }

  /// The folder of a shard's files. Each layout has its own: a shard of another layout holds other partitions.
  package static func volume(in path: String, shard: Int, of layout: ShardLayout) -> String {
    "\(path)/\(layout.count)-\(shard)"
  }

  /// - Throws: `CancellationError`; `StageFatal` when a file of the index can't be read.
  package func work(on records: [RecordInWork], until limit: ContinuousClock.Instant) async throws
    -> [Disposition]
  {
    let watch = Stopwatch()
    var dispositions = [Disposition](repeating: .done([]), count: records.count)
    var searches: [Item] = []
    for (index, item) in records.enumerated() {
      do {
        guard let value = item.record.value else { continue }
        var search = try SearchRecord(wireBytes: value)
        let wait = search.flight.waitMilliseconds
        if search.flight.outcome == nil, search.flight.isExpired {
          context.metrics.increment(.expiredQueries, [("stage", context.name)])
          search.flight.outcome = .expired
        }
        searches.append(Item(index: index, record: item, search: search, wait: wait))
      } catch {
        dispositions[index] = Disposition(
          .rejected(FieldError(.badRecord, field: "value", value: "\(error)", rule: "must be a Search")))
      }
    }
    // A query that must wait for the index does not hold up the others.
    var ready: [Item] = []
    for item in searches {
      if mustWait(item) {
        let phase = Phase.made {
          try await self.waitForToken(item)
          return Phase.Made(try await self.outputs([item], watch))
        }
        dispositions[item.index] = Disposition(.done([phase]))
      } else {
        ready.append(item)
      }
    }
    for (item, output) in zip(ready, try await outputs(ready, watch)) {
      dispositions[item.index] = .done([output])
    }
    return dispositions
  }

  private func outputs(_ items: [Item], _ watch: Stopwatch) async throws -> [OutgoingRecord] {
    zip(items, try await candidates(items, watch)).map { item, candidates in
      context.queryRecord(
        .candidates, item.search.flight.key, candidates.wireBytes, headers: item.record.record.passedHeaders)
    }
  }

  private func candidates(_ items: [Item], _ watch: Stopwatch) async throws -> [CandidatesRecord] {
    let working = items.indices.filter { items[$0].search.flight.outcome == nil }
    let now = WallClock.milliseconds
    // Check the tokens before the search, because the index may reach one during the search.
    let missed = items.map(misses)
    let scan = Stopwatch()
    let results = try await found(working.map { query(items[$0].search, now: now) })
    if !working.isEmpty {
      context.metrics.observe(.searchDuration, seconds: scan.seconds, [("db.operation.name", "search")])
    }
    let behind = index.behind
    var answers: [Int: IndexAnswer] = [:]
    for (row, position) in working.enumerated() { answers[position] = results[row] }
    return items.enumerated().map { position, item in
      var behind = behind
      behind.hasMissedToken = missed[position]
      return candidates(item.search, answers[position] ?? IndexAnswer(), behind, item.wait, watch)
    }
  }

  private func query(_ search: SearchRecord, now: Int64) -> IndexQuery {
    let settings = context.settings.search
    let query = search.flight.query
    let mode = query.searchMode ?? settings.mode
    var result = IndexQuery(
      tenant: query.tenant, principals: query.principals, filter: query.filter,
      vector: search.vector, question: mode == .dense ? "" : query.text,
      depth: max(settings.depth, query.topK ?? context.settings.retrieve.topK), nowMilliseconds: now)
    result.searchesVectors = mode != .lexical
    if let given = search.statistics {
      shared.note(given, of: query.tenant)
      result.statistics = given.statistics
      result.languages = given.languages.map(Language.init)
    } else if settings.shards > 1, let known = shared.knowledge(of: query.tenant) {
      result.statistics = known.statistics
      result.languages = known.languages.map(Language.init)
    }
    return result
  }

  private func found(_ queries: [IndexQuery]) async throws -> [IndexAnswer] {
    do { return try await index.search(queries) } catch let error as StorageError {
      // At the next start all files are checked, and what is damaged is rebuilt.
      throw StageFatal("the index can't be used: \(error)")
    }
  }

  /// True while the index has not reached the query's token.
  private func mustWait(_ item: Item) -> Bool {
    guard item.search.flight.outcome == nil, let token = item.search.flight.query.after,
      partitions.contains(token.partition)
    else { return false }
    return index.position(of: token.partition) < token.nextOffset
  }

  /// True when the query's token is not reached yet, or never can be, because it names a partition that does not exist.
  private func misses(_ item: Item) -> Bool {
    guard let token = item.search.flight.query.after else { return false }
    return mustWait(item) || Int(token.partition) >= context.settings.partitionCount(.vectors)
  }

  /// Read your writes: a replica that has not reached the token waits up to `search.wait`. Then the query is searched
  /// all the same, and the answer says that the token was missed.
  private func waitForToken(_ item: Item) async throws {
    let limit = ContinuousClock.now + context.settings.search.wait
    while mustWait(item), ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(2)) }
  }

  /// For a rejected search: candidates without hits. The query is answered from fewer shards, and its answer says so. A
  /// record that can't be decoded as a search yields nothing.
  ///
  /// - Throws: Nothing.
  package func rejection(of record: ConsumerRecord, _ fault: FieldError) async throws -> [Phase] {
    guard let value = record.value, let search = try? SearchRecord(wireBytes: value) else { return [] }
    var empty = candidates(search, IndexAnswer(), index.behind, search.flight.waitMilliseconds, Stopwatch())
    empty.partitions = []
    return [
      .records([
        context.queryRecord(.candidates, search.flight.key, empty.wireBytes, headers: record.passedHeaders)
      ])
    ]
  }

  private func candidates(
    _ search: SearchRecord, _ answer: IndexAnswer, _ behind: IndexBehind, _ wait: Double, _ watch: Stopwatch
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
    candidates.add(answer, isShared: search.statistics != nil)
    candidates.isCut = search.isCut || answer.isCut
    return candidates
  }
}
