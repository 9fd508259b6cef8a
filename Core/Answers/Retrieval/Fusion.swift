import Records
import Settings

/// Merges the lists of all shards into one.
///
/// The pool contains the best texts by cosine and the best by BM25, over all shards, as if they were one index. BM25
/// scores are computed here, from the integer counts of the hits and the statistics of all shards together, so they
/// don't depend on how the documents are distributed over the shards.
package struct Fusion: Sendable {
  /// How the list by cosine and the list by BM25 become one.
  package enum Rule: Sendable, Equatable {
    /// share × cosine + (1 − share) × BM25 / the query's highest BM25 (Bruch, Gai and Ingber 2023,
    /// doi:10.1145/3596512). For queries with an identifier that some text of the tenant has, the share is
    /// `identifierShare`.
    case convex(denseShare: Double, identifierShare: Double)
    /// The sum of 1 / (60 + rank) (Cormack, Clarke and Büttcher 2009, doi:10.1145/1571941.1572114).
    case reciprocal
  }

  /// A chunk of the pool.
  package struct Fused: Sendable, Equatable {
    package var hit: Hit
    package var score: Double
    /// Its rank in each list, from 1; nil when it is not among the best there.
    package var denseRank: Int?
    package var lexicalRank: Int?
    /// Its BM25 score by the statistics of all shards together.
    package var bm25 = 0.0

    package init(hit: Hit, score: Double, denseRank: Int? = nil, lexicalRank: Int? = nil) {
      self.hit = hit
      self.score = score
      self.denseRank = denseRank
      self.lexicalRank = lexicalRank
    }
  }

  /// The merged list, and what another round needs.
  package struct Result: Sendable {
    /// Best first.
    package var hits: [Fused] = []
    /// The statistics with which another round must weigh terms, because a shard may have left out one of the best
    /// chunks by BM25; nil when no shard can have.
    package var missing: SharedStatistics?
    /// The statistics of all shards together; nil for one shard, and when words were not searched.
    package var statistics: SharedStatistics?
  }

  private struct Need {
    var statistics: SharedStatistics?
    var isMissing = false
  }

  private struct HitKey: Hashable {
    var document: DocumentKey
    var version: Version
    var chunk: UInt32

    init(_ hit: Hit) {
      document = hit.document.key
      version = hit.document.version
      chunk = hit.chunk.number
    }
  }

  private static let rankConstant = 60.0

  package var rule: Rule
  package var mode: QueryRecord.SearchMode
  /// The maximum number of texts in each list.
  package var depth: Int

  package init(rule: Rule, mode: QueryRecord.SearchMode, depth: Int) {
    self.rule = rule
    self.mode = mode
    self.depth = depth
  }

  /// The fusion for a query, from the settings and the query's search mode.
  ///
  /// - Parameter count: how many hits are wanted.
  package init(_ search: Settings.Search, _ query: QueryRecord, count: Int) {
    self.init(
      rule: search.fusion == "reciprocal"
        ? .reciprocal
        : .convex(denseShare: search.denseWeight, identifierShare: search.identifierDenseWeight),
      mode: query.searchMode ?? search.mode, depth: max(search.depth, count))
  }

  /// - Parameter count: how many hits are wanted. Equal scores are ordered by document id, then by chunk number.
  package func fuse(_ candidates: [CandidatesRecord], count: Int) -> Result {
    var result = Result()
    let words = candidates.compactMap(\.words)
    let statistics = words.reduce(LexicalStatistics()) { $0 + $1.statistics }
    let dense = best(candidates.flatMap { record in record.dense.map { record.hits[Int($0)] } }) {
      Double($0.denseScore)
    }
    var scores: [HitKey: Double] = [:]
    for record in candidates {
      for hit in record.hits { scores[HitKey(hit)] = Self.score(hit, record, statistics) }
    }
    let lexical = best(candidates.flatMap { record in record.lexical.map { record.hits[Int($0)] } }) {
      scores[HitKey($0)] ?? 0
    }
    let share = share(words)
    result.hits = Array(fused(dense, lexical, scores, denseShare: share).prefix(count))
    Self.addCopies(to: &result.hits, candidates)
    if candidates.count > 1, !words.isEmpty {
      let worst = lexical.count < depth ? nil : lexical.last
      let need = missing(
        candidates, statistics, limit: worst.map { scores[HitKey($0)] ?? 0 } ?? -.infinity)
      result.statistics = need.statistics
      if need.isMissing { result.missing = need.statistics }
    }
    return result
  }

  /// The BM25 score of a hit by the given statistics.
  private static func score(_ hit: Hit, _ record: CandidatesRecord, _ statistics: LexicalStatistics) -> Double
  {
    guard let words = record.words else { return 0 }
    let counts = hit.postings.compactMap { posting -> (term: String, frequency: UInt64)? in
      let number = Int(posting.term)
      return number < words.terms.count ? (words.terms[number].term, UInt64(posting.frequency)) : nil
    }
    return statistics.score(counts, length: UInt64(hit.length))
  }

  /// The best `depth` hits with different texts.
  private func best(_ hits: [Hit], by score: (Hit) -> Double) -> [Hit] {
    var seen: Set<HitKey> = []
    var texts: Set<UInt64> = []
    let scored = hits.filter { seen.insert(HitKey($0)).inserted }.map { (hit: $0, score: score($0)) }
    let sorted = scored.sorted { a, b in
      a.score != b.score ? a.score > b.score : Self.precedes(a.hit, b.hit)
    }
    return Array(
      sorted.map(\.hit).filter { $0.textHash == 0 || texts.insert($0.textHash).inserted }.prefix(depth))
  }

  private static func precedes(_ a: Hit, _ b: Hit) -> Bool {
    if a.document.key.id != b.document.key.id { return a.document.key.id < b.document.key.id }
    return a.chunk.number < b.chunk.number
  }

  /// The share of the cosine in a score; 0 for the reciprocal rule, which does not use it.
  private func share(_ words: [LexicalCandidates]) -> Double {
    guard case .convex(let share, let identifierShare) = rule else { return 0 }
    return Self.namesIdentifier(words) ? identifierShare : share
  }

  /// Whether a query has an identifier that some text of the tenant has.
  package static func namesIdentifier(_ words: [LexicalCandidates]) -> Bool {
    words.contains { $0.terms.contains { $0.isIdentifier && $0.documentFrequency > 0 } }
  }

  private func fused(
    _ dense: [Hit], _ lexical: [Hit], _ scores: [HitKey: Double], denseShare: Double
  ) -> [Fused] {
    var pool: [HitKey: Fused] = [:]
    if mode != .lexical {
      for (rank, hit) in dense.enumerated() {
        pool[HitKey(hit), default: Fused(hit: hit, score: 0)].denseRank = rank + 1
      }
    }
    if mode != .dense {
      for (rank, hit) in lexical.enumerated() {
        pool[HitKey(hit), default: Fused(hit: hit, score: 0)].lexicalRank = rank + 1
      }
    }
    let highest = pool.keys.reduce(0) { max($0, scores[$1] ?? 0) }
    for key in pool.keys {
      guard var fused = pool[key] else { continue }
      let cosine = Double(fused.hit.denseScore)
      let words = highest > 0 ? (scores[key] ?? 0) / highest : 0
      fused.score =
        switch (mode, rule) {
        case (.dense, _): cosine
        case (.lexical, _): words
        case (.hybrid, .convex): denseShare * cosine + (1 - denseShare) * words
        case (.hybrid, .reciprocal):
          [fused.denseRank, fused.lexicalRank].compactMap { $0 }.reduce(0) {
            $0 + 1 / (Self.rankConstant + Double($1))
          }
        }
      fused.bm25 = scores[key] ?? 0
      pool[key] = fused
    }
    return collapsed(
      pool.values.sorted { a, b in
        a.score != b.score ? a.score > b.score : Self.precedes(a.hit, b.hit)
      })
  }

  /// The best hit of each text.
  private func collapsed(_ sorted: [Fused]) -> [Fused] {
    var texts: Set<UInt64> = []
    return sorted.filter { $0.hit.textHash == 0 || texts.insert($0.hit.textHash).inserted }
  }

  /// Adds to each hit the copies of its text: other hits with the same text, and the copies that these list.
  private static func addCopies(to hits: inout [Fused], _ candidates: [CandidatesRecord]) {
    let all = Dictionary(grouping: candidates.flatMap(\.hits).filter { $0.textHash != 0 }, by: \.textHash)
    for index in hits.indices {
      let kept = hits[index].hit
      var copies: [TextCopy] = []
      for other in all[kept.textHash] ?? [kept] {
        let own = TextCopy(
          document: other.document.key, version: other.document.version, chunk: other.chunk.number,
          title: other.document.title, uri: other.document.uri,
          expiresAtMilliseconds: other.document.expiresAtMilliseconds)
        for copy in [own] + other.copies
        where copy.document != kept.document.key
          && !copies.contains(where: { $0.document == copy.document && $0.chunk == copy.chunk })
        {
          copies.append(copy)
        }
      }
      // Sort before the limit is applied, so that the same copies are kept whichever shards they come from.
      copies.sort { ($0.document.id, $0.chunk) < ($1.document.id, $1.chunk) }
      hits[index].hit.copies = Array(copies.prefix(Hit.copiesMax))
    }
  }

  /// Whether a shard may have left out a chunk with a BM25 score of at least `limit`, or analysed the query in other
  /// languages than all shards together would.
  ///
  /// A full list of a shard ends with a score L, computed with the shard's own term weights w and mean length m. With
  /// these, a chunk that was left out scores at most L. With the weights v and mean length n of all shards it scores at
  /// most L × max(v/w) × max(1, n/m), because BM25's saturation of a term's frequency grows at most in proportion to
  /// the mean length.
  private func missing(_ candidates: [CandidatesRecord], _ sum: LexicalStatistics, limit: Double)
    -> Need
  {
    var result = Need()
    var rows: [String: UInt64] = [:]
    for words in candidates.compactMap(\.words) {
      for language in words.languages { rows[language.code, default: 0] &+= language.chunks }
    }
    let languages = rows.sorted { a, b in
      a.value != b.value ? a.value > b.value : a.key < b.key
    }.prefix(2).map(\.key).sorted()
    result.statistics = SharedStatistics(sum, languages: languages)
    result.isMissing = candidates.contains { record in
      guard let words = record.words, words.chunks > 0 else { return false }
      if words.analysed != languages { return true }
      let weighed = words.weighed
      if weighed == sum { return false }
      // With other weights, another copy of the same text may be the best one.
      if words.hasUnequalCopies { return true }
      guard record.lexical.count >= depth, let last = record.lexical.last else { return false }
      let growth = words.terms.reduce(1.0) { growth, term in
        guard term.documentFrequency > 0 else { return growth }
        return max(growth, sum.weight(term.term) / max(weighed.weight(term.term), .leastNormalMagnitude))
      }
      let longer = weighed.meanLength > 0 ? max(1, sum.meanLength / weighed.meanLength) : 1
      return Self.score(record.hits[Int(last)], record, weighed) * growth * longer >= limit
    }
    return result
  }
}
