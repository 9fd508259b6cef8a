import Records

/// Makes a prompt's context from hits.
package enum ContextAssembly {
  private struct GroupKey: Hashable {
    var document: DocumentKey
    var version: Version
  }

  /// Takes the best hits that fit in the budget and merges adjacent chunks of one document version.
  ///
  /// - Parameters:
  ///   - hits: best first.
  ///   - tokenBudget: counts the encoder's tokens; the first hit is always taken.
  /// - Returns: the items, best first.
  package static func assemble(_ hits: [Fusion.Fused], tokenBudget: Int) -> [ContextItem] {
    var chosen: [Fusion.Fused] = []
    var tokens = 0
    for fused in hits {
      let count = Int(fused.hit.chunk.tokenCount)
      if !chosen.isEmpty, tokens + count > tokenBudget { continue }
      chosen.append(fused)
      tokens += count
    }
    let groups = Dictionary(grouping: chosen) {
      GroupKey(document: $0.hit.document.key, version: $0.hit.document.version)
    }
    return groups.values.flatMap(merge).sorted { a, b in
      if a.score != b.score { return a.score > b.score }
      if a.document.key.id != b.document.key.id { return a.document.key.id < b.document.key.id }
      return a.firstChunk < b.firstChunk
    }
  }

  private static func merge(_ hits: [Fusion.Fused]) -> [ContextItem] {
    var items: [ContextItem] = []
    for fused in hits.sorted(by: { $0.hit.chunk.number < $1.hit.chunk.number }) {
      let hit = fused.hit
      if var last = items.last, hit.chunk.number > last.lastChunk, hit.chunk.number - last.lastChunk == 1,
        hit.chunk.headingPath == last.headingPath, hit.chunk.context == last.context,
        let joined = join(last, hit.chunk)
      {
        let shift = Int(clamping: hit.chunk.start - last.start)
        let known = last.sentenceEnds.ends(limit: last.text.utf8.count)
        let added = hit.chunk.sentenceEnds.ends(limit: hit.chunk.text.utf8.count).map { $0 + shift }
        // Chunks of an earlier release have no sentence ends. Then the merged item has none either.
        last.sentenceEnds = SentenceEnds(
          known.isEmpty || added.isEmpty ? [] : Set(known + added).sorted())
        last.text = joined
        last.end = hit.chunk.end
        last.lastChunk = hit.chunk.number
        last.score = max(last.score, Float(fused.score))
        last.copies += hit.copies
        last.cosine = max(last.cosine, hit.denseScore)
        last.bm25 = max(last.bm25, Float(fused.bm25))
        last.denseRank = best(last.denseRank, fused.denseRank)
        last.lexicalRank = best(last.lexicalRank, fused.lexicalRank)
        items[items.count - 1] = last
      } else {
        var item = ContextItem(
          document: hit.document, firstChunk: hit.chunk.number, lastChunk: hit.chunk.number,
          headingPath: hit.chunk.headingPath, text: hit.chunk.text, start: hit.chunk.start,
          end: hit.chunk.end, score: Float(fused.score))
        item.copies = hit.copies
        item.cosine = hit.denseScore
        item.bm25 = Float(fused.bm25)
        item.denseRank = best(0, fused.denseRank)
        item.lexicalRank = best(0, fused.lexicalRank)
        item.context = hit.chunk.context
        item.sentenceEnds = hit.chunk.sentenceEnds
        items.append(item)
      }
    }
    return items
  }

  /// The better of two ranks; 0 and nil mean no rank.
  private static func best(_ rank: UInt32, _ other: Int?) -> UInt32 {
    guard let other = other.map({ UInt32(clamping: $0) }) else { return rank }
    return rank == 0 ? other : min(rank, other)
  }

  /// The text from the item's start to the chunk's end.
  ///
  /// Between chunks of one section there is only white space. It is replaced with as many line breaks as it has
  /// bytes, so that offsets still match the document.
  ///
  /// - Returns: nil when the two can't be joined, for example because a sentence could span the gap, so that
  ///   its quote would differ from the source.
  private static func join(_ item: ContextItem, _ chunk: Chunk) -> String? {
    guard chunk.start >= item.start, chunk.end >= item.end else { return nil }
    if chunk.start >= item.end {
      let gap = Int(clamping: chunk.start - item.end)
      let endsSentence = item.text.last.map { ".!?".contains($0) } ?? true
      guard gap >= 2 || endsSentence, gap <= 64 else { return nil }
      return item.text + String(repeating: "\n", count: gap) + chunk.text
    }
    let skipped = Int(clamping: item.end - chunk.start)
    let bytes = Array(chunk.text.utf8)
    guard skipped <= bytes.count, let rest = String(validating: bytes[skipped...], as: UTF8.self) else {
      return nil
    }
    return item.text + rest
  }
}
