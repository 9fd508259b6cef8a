import Analysis
import Catalog
import Engine
import Foundation
import Records

/// Textbook BM25 over all chunks, in double precision: the result that the index must find.
struct LexicalOracle {
  /// A chunk with its terms in all fields.
  struct Row {
    var document: IndexedDocument
    var chunk: Chunk
    var counts: [String: Double]
    var length: Double
  }

  private let rows: [Row]
  let languages: [String]
  let terms: [String]
  let query: IndexQuery
  let length: Double

  /// Analyses documents, which takes long.
  static func rows(_ documents: some Sequence<IndexedDocument>) -> [Row] {
    let analyser = Analyser(AnalysisRules())
    return documents.flatMap { document in
      document.chunks.map { chunk in
        var row = Row(document: document, chunk: chunk, counts: [:], length: 0)
        let headings = chunk.headingPath.joined(separator: "\n")
        for field in [chunk.text, document.info.title, headings, chunk.context] {
          for term in analyser.terms(of: Array(field.utf8), Language(document.info.language)) {
            row.counts[String(decoding: term, as: UTF8.self), default: 0] += 1
            row.length += 1
          }
        }
        return row
      }
    }
  }

  /// Statistics are over all live chunks of the tenant, whoever may read them.
  init(_ all: [Row], _ query: IndexQuery) {
    self.query = query
    rows = all.filter { row in
      let info = row.document.info
      return info.key.tenant == query.tenant && !info.isExpired(at: query.nowMilliseconds)
    }
    length = rows.reduce(0) { $0 + $1.length }
    var rowsOf: [Language: Int] = [:]
    for row in rows { rowsOf[Language(row.document.info.language), default: 0] += 1 }
    let commonest = rowsOf.sorted {
      $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key
    }.prefix(2).map(\.key).sorted()
    languages = commonest.map(\.code)
    let analyser = Analyser(AnalysisRules())
    var terms: [String] = []
    for word in query.question.split(separator: " ") {
      for language in commonest.isEmpty ? [.unknown] : commonest {
        for term in analyser.terms(of: Array(word.utf8), language) {
          let term = String(decoding: term, as: UTF8.self)
          if !terms.contains(term) { terms.append(term) }
        }
      }
    }
    self.terms = terms
  }

  var chunkCount: Int { rows.count }
  func frequency(_ term: String) -> Int { rows.count { $0.counts[term] != nil } }

  private func score(_ row: Row, _ frequencies: [String: Double]) -> Double {
    let mean = length / Double(rows.count)
    return terms.reduce(0) { sum, term in
      guard let count = row.counts[term], let frequency = frequencies[term] else { return sum }
      let inverse = log(1 + (Double(rows.count) - frequency + 0.5) / (frequency + 0.5))
      return sum + inverse * count / (count + 1.2 * (0.25 + 0.75 * row.length / mean))
    }
  }

  /// Names and scores of the best texts that the asker may see.
  var best: [(name: String, score: Double)] {
    let frequencies = Dictionary(uniqueKeysWithValues: terms.map { ($0, Double(frequency($0))) })
    let scored = rows.filter { row in
      let acl = row.document.info.acl
      return (acl.map { !query.principals.isDisjoint(with: $0.map(Principal.init)) } ?? true)
        && query.filter.matches(row.document.info.metadata)
    }.map { (row: $0, score: score($0, frequencies)) }.filter { $0.score > 0 }
    let sorted = scored.sorted { a, b in
      if abs(a.score - b.score) > 1e-12 { return a.score > b.score }
      let (x, y) = (a.row.document.info.key.bytes, b.row.document.info.key.bytes)
      return x == y ? a.row.chunk.number < b.row.chunk.number : x.lexicographicallyPrecedes(y)
    }
    var texts: Set<String> = []
    return sorted.filter {
      texts.insert($0.row.chunk.text.lowercased().split(separator: " ").joined(separator: " ")).inserted
    }.prefix(query.depth).map { ("\($0.row.document.info.key.id)#\($0.row.chunk.number)", $0.score) }
  }

  /// How an answer's BM25 list differs from `best`; nil when it does not. Sums of the same weights in another order
  /// differ in their last bits, so chunks whose scores differ only there may change places.
  func difference(from answer: IndexAnswer) -> String? {
    let found = answer.lexical.map { place in
      let match = answer.matches[place]
      return (
        name: "\(match.document.key.id)#\(match.chunk.number)",
        score: answer.statistics.score(
          match.counts.map { (answer.terms[$0.term], $0.frequency) }, length: match.length)
      )
    }
    let best = best
    guard found.count == best.count else { return "\(found.count) instead of \(best.count)" }
    for (a, b) in zip(found, best) where abs(a.score - b.score) > 1e-9 {
      return "\(a.name) with \(a.score), \(b.name) with \(b.score)"
    }
    for a in found {
      let isBest = best.contains { $0.name == a.name }
      let ties = best.last.map { abs($0.score - a.score) < 1e-9 } ?? false
      if !isBest, !ties { return "\(a.name) is none of the best" }
    }
    return nil
  }
}
