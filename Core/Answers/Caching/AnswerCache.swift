import Freshness
import KafkaClient
import Records
import RedisClient
import Settings
import Stage
import Time

/// Caches answers in Redis. Every hit is checked against the freshness tail, so that a restored Redis, a
/// failover, a late writer or an answer that was stored after an update can't lead to a stale answer.
package struct AnswerCache: Sendable {
  /// Why there was no hit: the metric's label `reason`.
  package enum Miss: String, Sendable {
    case bypass, absent, expired, stale, unconfirmed, unreachable, timeout, refused, unverified
    case badEntry = "bad_entry"
  }

  private let context: StageContext
  private let redis: RedisClient
  private let seal: CacheSeal
  private let freshness: FreshnessTail
  private let rulesVersion: Int

  /// - Returns: nil without a Redis or a seal, or when `cache.answerTTL` is zero.
  package init?(
    _ context: StageContext, redis: RedisClient?, seal: CacheSeal?, freshness: FreshnessTail,
    rulesVersion: Int
  ) {
    guard let redis, let seal, context.settings.cache.answerTTL > .zero else { return nil }
    self.context = context
    self.redis = redis
    self.seal = seal
    self.freshness = freshness
    self.rulesVersion = rulesVersion
  }

  private func key(_ query: QueryRecord) -> AnswerKey? {
    guard let cluster = context.cluster.id else { return nil }
    return AnswerKey(
      query, settings: context.settings, clusterID: cluster, rulesVersion: rulesVersion)
  }

  /// Looks up the answers to several queries in one round trip.
  ///
  /// - Returns: for each query, in order, the cached answer under the query's own id; nil for a miss.
  package func lookUp(_ queries: [QueryRecord]) async -> [AnswerRecord?] {
    var results = [AnswerRecord?](repeating: nil, count: queries.count)
    var asked: [(index: Int, key: AnswerKey)] = []
    for (index, query) in queries.enumerated() {
      // A query with `after` (read your writes) may need a version that is newer than any entry.
      guard query.mode == .answer, query.cache == .default, query.after == nil, let key = key(query) else {
        count(.bypass)
        continue
      }
      asked.append((index, key))
    }
    guard !asked.isEmpty else { return results }
    let replies: [RedisReply]
    do {
      replies = try await redis.send([[Array("MGET".utf8)] + asked.map(\.key.redisKey)])
    } catch {
      let isTimeout = (error as? RedisFailure)?.reason == .timeout
      let isRefused = (error as? RedisFailure)?.reason == .refused
      for _ in asked { count(isTimeout ? .timeout : isRefused ? .refused : .unreachable) }
      return results
    }
    if case .error? = replies.first {
      for _ in asked { count(.refused) }
      return results
    }
    guard case .array(let values)? = replies.first, values.count == asked.count else {
      for _ in asked { count(.badEntry) }
      return results
    }
    for ((index, key), value) in zip(asked, values) {
      switch judge(value, key, queries[index]) {
      case .success(let answer):
        context.metrics.increment(.cacheRequests, [("cache", "answers"), ("result", "hit"), ("reason", "")])
        results[index] = answer
      case .failure(let miss): count(miss.reason)
      }
    }
    return results
  }

  private struct Refused: Error { var reason: Miss }

  private func judge(_ value: RedisReply, _ key: AnswerKey, _ query: QueryRecord)
    -> Result<AnswerRecord, Refused>
  {
    func miss(_ reason: Miss) -> Result<AnswerRecord, Refused> { .failure(Refused(reason: reason)) }
    guard let bytes = value.bytesValue else { return miss(.absent) }
    guard let payload = seal.open(bytes, under: key.redisKey) else { return miss(.unverified) }
    guard let entry = AnswerEntry(payload, key: key), entry.answer.tenant == query.tenant.rawValue else {
      return miss(.badEntry)
    }
    let now = WallClock.milliseconds
    let age = now - entry.madeAtMilliseconds
    guard age >= -1000, age < context.settings.cache.answerTTL.milliseconds,
      entry.expiresAtMilliseconds == 0 || entry.expiresAtMilliseconds > now
    else { return miss(.expired) }
    // This check comes before the next one: the table is only reliable while the tail has confirmed the topic's end.
    guard freshness.isConfirmed else { return miss(.unconfirmed) }
    guard
      entry.documents.allSatisfy({
        !freshness.table.isStale(DocumentKey(tenant: query.tenant, id: $0.id), $0.version)
      })
    else { return miss(.stale) }
    var answer = entry.answer
    answer.id = query.id.rawValue
    answer.cache = .exact
    answer.timings = []
    answer.usage = AnswerRecord.Usage()
    return .success(answer)
  }

  private func count(_ reason: Miss) {
    context.metrics.increment(
      .cacheRequests, [("cache", "answers"), ("result", "miss"), ("reason", reason.rawValue)])
  }

  /// Stores an answer. Refusals are not stored, and neither are answers that left out stale documents, or
  /// that come from fewer shards than exist or from an index that is behind. A failed write is only counted.
  ///
  /// - Parameter madeAt: milliseconds since 1970, taken before the last check of the documents.
  package func store(
    _ answer: AnswerRecord, for query: QueryRecord, documents: [DocumentInfo], madeAt: Int64
  ) async {
    guard answer.status == .answered, query.mode == .answer, query.cache != .bypass,
      answer.shardsAnswered == answer.shardsTotal, answer.behind.records == 0,
      !answer.behind.hasMissedToken, answer.staleOmitted == 0,
      !documents.isEmpty, let key = key(query)
    else { return }
    // An entry also expires with a document that the answer only names as a copy of a source.
    let copies = answer.citations.flatMap(\.alsoIn)
    let expiries = documents.map(\.expiresAtMilliseconds) + copies.map(\.expiresAtMilliseconds)
    let entry = AnswerEntry(
      answer: answer,
      documents: documents.map { ($0.key.id, $0.version) } + copies.map { ($0.document.id, $0.version) },
      madeAtMilliseconds: madeAt, expiresAtMilliseconds: expiries.filter { $0 > 0 }.min() ?? 0)
    let life = context.settings.cache.answerTTL.milliseconds
    do {
      let replies = try await redis.send([
        [
          Array("SET".utf8), key.redisKey, seal.seal(entry.bytes(key), under: key.redisKey), Array("PX".utf8),
          Array("\(life)".utf8),
        ]
      ])
      if case .error? = replies.first { writeFailed("refused") }
    } catch {
      writeFailed(RedisFailure.label(of: error))
    }
  }

  private func writeFailed(_ reason: String) {
    context.metrics.increment(.cacheWriteFailures, [("cache", "answers"), ("reason", reason)])
  }
}
