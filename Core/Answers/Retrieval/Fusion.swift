import Records

/// Fuses the result lists of all shards.
package enum Fusion {
  /// The constant of reciprocal rank fusion; Cormack, Clarke and Büttcher 2009.
  private static let rankConstant = 60.0

  private struct HitKey: Hashable {
    var document: DocumentKey
    var version: Version
    var chunk: UInt32
  }

  /// - Returns: the best `count` hits. With dense lists only, they are in the order of their scores. Ties are
  ///   ordered by document id, then by chunk number.
  package static func fuse(_ candidates: [CandidatesRecord], count: Int) -> [Hit] {
    var hits: [HitKey: Hit] = [:]
    func merged(_ lists: [[Hit]]) -> [HitKey] {
      for hit in lists.joined() where hits[key(hit)] == nil { hits[key(hit)] = hit }
      return Set(lists.joined().map(key)).sorted { a, b in
        guard let x = hits[a], let y = hits[b] else { return false }
        return precedes(x, y)
      }
    }
    let dense = merged(candidates.map(\.dense))
    let lexical = merged(candidates.map(\.lexical))
    guard !lexical.isEmpty else { return dense.prefix(count).compactMap { hits[$0] } }
    var scores: [HitKey: Double] = [:]
    for list in [dense, lexical] {
      for (rank, key) in list.enumerated() {
        scores[key, default: 0] += 1 / (rankConstant + Double(rank + 1))
      }
    }
    return scores.sorted { a, b in
      guard a.value == b.value, let x = hits[a.key], let y = hits[b.key] else { return a.value > b.value }
      return precedes(x, y)
    }.prefix(count).compactMap { hits[$0.key] }
  }

  private static func key(_ hit: Hit) -> HitKey {
    HitKey(document: hit.document.key, version: hit.document.version, chunk: hit.chunk.number)
  }

  private static func precedes(_ a: Hit, _ b: Hit) -> Bool {
    if a.denseScore != b.denseScore { return a.denseScore > b.denseScore }
    if a.document.key.id != b.document.key.id { return a.document.key.id < b.document.key.id }
    return a.chunk.number < b.chunk.number
  }
}
