import Analysis
import Lexical
import Records
import Segments
import Storage

/// Searches one view by vectors and by words.
package struct HybridSearch: Sendable {
  /// How words are searched.
  package struct Rules: Sendable {
    package var analysis: AnalysisRules
    package var weights: FieldWeights

    package static let standard = Rules(AnalysisRules(), FieldWeights())

    package init(_ analysis: AnalysisRules, _ weights: FieldWeights) {
      self.analysis = analysis
      self.weights = weights
    }
  }

  private struct Place: Hashable {
    var part: Int
    var row: Int
  }

  private let view: IndexView
  private let rules: Rules

  package init(_ view: IndexView, _ rules: Rules) {
    self.view = view
    self.rules = rules
  }

  /// - Parameter threads: the threads for the scan of vectors, at least 1.
  /// - Throws: `StorageError` when what is stored can't be read.
  package func search(_ queries: [IndexQuery], threads: Int) throws -> [IndexAnswer] {
    // Each window of a long question is a query of its own.
    var windows: [IndexQuery] = []
    var ranges: [Range<Int>] = []
    for query in queries {
      let start = windows.count
      for window in self.windows(of: query) {
        var part = query
        part.vector = query.searchesVectors ? window : []
        windows.append(part)
      }
      ranges.append(start..<windows.count)
    }
    let dense = try ExactSearch.rows(view, windows, threads: threads)
    return try zip(queries, ranges).map { query, range in
      try answer(query, range.count == 1 ? dense[range.lowerBound] : best(of: dense[range], query))
    }
  }

  private func windows(of query: IndexQuery) -> [[Float]] {
    guard view.dimension > 0, query.vector.count > view.dimension, query.vector.count % view.dimension == 0
    else {
      return [query.vector]
    }
    return stride(from: 0, to: query.vector.count, by: view.dimension).map {
      Array(query.vector[$0..<$0 + view.dimension])
    }
  }

  /// Merges the lists of a question's windows. A chunk's score is its best score with any of the windows.
  private func best(of lists: ArraySlice<[ExactSearch.Row]>, _ query: IndexQuery) -> [ExactSearch.Row] {
    var rows: [Place: ExactSearch.Row] = [:]
    for row in lists.joined() {
      let place = Place(part: row.part, row: row.row)
      if rows[place].map({ $0.score < row.score }) ?? true { rows[place] = row }
    }
    return ExactSearch.best(Array(rows.values), view, query.tenant, depth: query.depth)
  }

  /// The best rows by BM25 alone, without their texts.
  ///
  /// - Throws: `StorageError` when what is stored can't be read.
  package func lexicalRows(_ query: IndexQuery) throws -> [ExactSearch.Row] {
    var words = try TenantWords(view, query.tenant, rules.weights, now: query.nowMilliseconds)
    let terms = QueryTerms(
      query.question, query.languages ?? QueryTerms.commonest(words.content.languages), rules.analysis)
    let statistics = try words.look(for: terms.terms)
    let names = terms.terms.map { String(decoding: $0, as: UTF8.self) }
    return try lexical(query, names, statistics, &words).rows
  }

  private func answer(_ query: IndexQuery, _ dense: [ExactSearch.Row]) throws -> IndexAnswer {
    var answer = IndexAnswer()
    var places: [Place: Int] = [:]
    var texts = TextBlocks()
    func match(_ part: Int, _ row: Int) throws -> Int {
      let place = Place(part: part, row: row)
      if let known = places[place] { return known }
      places[place] = answer.matches.count
      answer.matches.append(try view.match(part, row, query.tenant, &texts))
      return answer.matches.count - 1
    }
    for row in dense {
      let place = try match(row.part, row.row)
      answer.matches[place].score = row.score
      answer.dense.append(place)
    }
    guard !query.question.isEmpty, query.depth > 0 else {
      try addCopies(to: &answer, places, query)
      return answer
    }
    var words = try TenantWords(view, query.tenant, rules.weights, now: query.nowMilliseconds)
    answer.languages = words.content.languages.filter { $0.value > 0 }
    let terms = QueryTerms(
      query.question, query.languages ?? QueryTerms.commonest(answer.languages), rules.analysis)
    answer.terms = terms.terms.map { String(decoding: $0, as: UTF8.self) }
    answer.identifiers = Set(terms.identifiers.map { String(decoding: $0, as: UTF8.self) })
    answer.analysed = terms.languages
    answer.isCut = terms.isCut
    answer.statistics = try words.look(for: terms.terms)
    answer.weighed = weighed(answer.statistics, query.statistics)
    let found = try lexical(query, answer.terms, answer.weighed, &words)
    answer.hasUnequalCopies = found.hasUnequalCopies
    for row in found.rows {
      let place = try match(row.part, row.row)
      answer.matches[place].score =
        windows(of: query).lazy.filter { $0.count == view.dimension }
        .map { view.score(row.part, row.row, query.tenant, $0) }.max() ?? 0
      answer.lexical.append(place)
    }
    // Also for chunks that only the search by vectors has found.
    for (place, index) in places {
      let found = try words.counts(part: place.part, row: place.row)
      answer.matches[index].counts = found.counts
      answer.matches[index].length = found.length
    }
    try addCopies(to: &answer, places, query)
    return answer
  }

  /// The statistics for the weights of terms: those of all shards if they are known and cover at least the chunks of
  /// this index, else this index's own. Frequencies that are not known for all shards are scaled up from this index.
  private func weighed(_ own: LexicalStatistics, _ known: LexicalStatistics?) -> LexicalStatistics {
    guard let known, known.chunks >= own.chunks else { return own }
    var all = own
    all.chunks = known.chunks
    all.length = known.length
    let share = own.chunks == 0 ? 1 : Double(known.chunks) / Double(own.chunks)
    for (term, frequency) in own.frequencies {
      all.frequencies[term] =
        known.frequencies[term] ?? UInt64(min((Double(frequency) * share).rounded(), 1e15))
    }
    return all
  }

  /// Adds to each match other documents with the same text that the query may find: the first few by ID.
  private func addCopies(to answer: inout IndexAnswer, _ places: [Place: Int], _ query: IndexQuery) throws {
    var reader = QueryReader(query)
    for (number, part) in view.parts.enumerated() {
      guard let rows = part.segment.rows(of: query.tenant) else { continue }
      for (own, index) in places {
        // Rows come in the order of their documents' keys, so the first few of each segment are enough.
        var found = 0
        for row in part.segment.rows(withTextHash: answer.matches[index].textHash, in: rows)
        where (row != own.row || number != own.part) && found < IndexMatch.copiesMax {
          let document = part.segment.document(ofRow: row)
          guard !part.removed.contains(document),
            try reader.maySee(document, of: part.segment, part: Int32(number))
          else { continue }
          let info = try part.segment.properties(of: document).info
          guard info.key != answer.matches[index].document.key else { continue }
          found += 1
          answer.matches[index].copies.append(
            IndexMatch.Copy(document: info, chunk: try part.segment.chunk(ofRow: row).number))
        }
      }
    }
    let texts = Dictionary(
      answer.matches.indices.map { (answer.matches[$0].textHash, [$0]) }, uniquingKeysWith: +)
    for rows in view.heads.compactMap({ $0.tenants[query.tenant] }) {
      for (place, document) in rows.documents.enumerated() where rows.isLive(place) {
        for (chunk, words) in document.words.enumerated() {
          guard let indices = texts[words.textHash], reader.maySee(document) else { continue }
          for index in indices where document.facts.info.key != answer.matches[index].document.key {
            answer.matches[index].copies.append(
              IndexMatch.Copy(document: document.facts.info, chunk: document.chunks[chunk].number))
          }
        }
      }
    }
    for index in answer.matches.indices where answer.matches[index].copies.count > 1 {
      answer.matches[index].copies = Array(
        answer.matches[index].copies.sorted {
          ($0.document.key.id, $0.chunk) < ($1.document.key.id, $1.chunk)
        }.prefix(IndexMatch.copiesMax))
    }
  }

  /// The best rows by their exact BM25 scores. Of rows with the same text only the best one.
  private func lexical(
    _ query: IndexQuery, _ names: [String], _ statistics: LexicalStatistics, _ words: inout TenantWords
  ) throws -> (rows: [ExactSearch.Row], hasUnequalCopies: Bool) {
    let (termWeights, meanLength) = (statistics.weights(of: names), statistics.meanLength)
    var search = LexicalSearch(view, query, rules.weights, termWeights, meanLength: meanLength)
    var scored: [(row: ExactSearch.Row, score: Double)] = []
    // In the order of the rows, so that each block of postings is unpacked once.
    let candidates = try search.candidates(&words).sorted { ($0.part, $0.row) < ($1.part, $1.row) }
    for candidate in candidates {
      let (part, row) = (Int(candidate.part), Int(candidate.row))
      let score = try words.score(part: part, row: row, termWeights: termWeights, meanLength: meanLength)
      // The score is 0 when the terms occur only in fields of weight 0.
      guard score > 0 else { continue }
      scored.append((ExactSearch.Row(part: part, row: row, score: 0, text: candidate.text), score))
    }
    scored.sort { a, b in
      if a.score != b.score { return a.score > b.score }
      let first = view.key(a.row.part, a.row.row, query.tenant)
      let second = view.key(b.row.part, b.row.row, query.tenant)
      return first == second ? a.row.row < b.row.row : first.lexicographicallyPrecedes(second)
    }
    var texts: Set<UInt64> = []
    let rows = Array(scored.map(\.row).filter { texts.insert($0.text).inserted }.prefix(query.depth))
    return (rows, search.top.hasUnequalCopies)
  }
}
