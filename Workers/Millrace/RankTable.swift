import Foundation
import Records
import Retrieval
import Settings

/// The hits of a query and how they are ranked, for operators of the pipeline only: raw scores and counts of terms
/// reveal something about documents that the person who asked may not read.
struct RankTable {
  private let hits: [Fusion.Fused]
  private let words: LexicalStatistics
  /// The query's terms, in its order.
  private let terms: [String]

  /// Ranks the candidates of the last round; nil when nothing was found. Documents that retrieve left out because they
  /// had changed meanwhile are listed too.
  init?(_ candidates: [CandidatesRecord], _ settings: Settings) {
    guard let round = candidates.map(\.round).max() else { return nil }
    // A record that was written twice counts once.
    var gathering = Gathering()
    for record in candidates where record.round == round { gathering.add(record) }
    let last = gathering.candidates
    guard let query = last.first?.flight.query else { return nil }
    let count = query.topK ?? settings.retrieve.topK
    hits = Fusion(settings.search, query, count: count).fuse(last, count: count).hits
    words = last.compactMap(\.words).reduce(LexicalStatistics()) { $0 + $1.statistics }
    terms = last.compactMap(\.words).max { $0.terms.count < $1.terms.count }?.terms.map(\.term) ?? []
    if hits.isEmpty { return nil }
  }

  private func name(_ hit: Hit) -> String { "\(hit.document.key.id)#\(hit.chunk.number)" }

  var json: JSONValue {
    .object([
      "chunks": .int(Int(clamping: words.chunks)),
      "terms": .array(
        terms.map {
          .object(["term": .string($0), "chunks": .int(Int(clamping: words.frequencies[$0] ?? 0))])
        }),
      "hits": .array(
        hits.map { fused in
          .object([
            "document": .string(fused.hit.document.key.id.rawValue),
            "version": .string(fused.hit.document.version.description),
            "chunk": .int(Int(fused.hit.chunk.number)),
            "score": .double(fused.score), "cosine": .double(Double(fused.hit.denseScore)),
            "dense_rank": fused.denseRank.map(JSONValue.int) ?? .null,
            "bm25": .double(fused.bm25), "lexical_rank": fused.lexicalRank.map(JSONValue.int) ?? .null,
          ])
        }),
    ])
  }

  var lines: [String] {
    var lines: [String] = []
    if !terms.isEmpty {
      lines.append(
        "terms, and how many of \(words.chunks) chunks have them: "
          + terms.map { "\($0) \(words.frequencies[$0] ?? 0)" }.joined(separator: ", "))
    }
    lines.append("rank  score   cosine (rank)   BM25 (rank)     chunk")
    for (place, fused) in hits.enumerated() {
      let dense = fused.denseRank.map(String.init) ?? "-"
      let lexical = fused.lexicalRank.map(String.init) ?? "-"
      lines.append(
        String(format: "%4d  %.4f  %.4f ", place + 1, fused.score, fused.hit.denseScore)
          + "(\(dense))".padding(toLength: 9, withPad: " ", startingAt: 0)
          + String(format: "%7.3f ", fused.bm25)
          + "(\(lexical))".padding(toLength: 8, withPad: " ", startingAt: 0) + name(fused.hit))
    }
    return lines
  }
}
