import Analysis
import Lexical
import Records
import Segments
import Storage

/// One tenant's words in a view: the postings of a question's terms, and the statistics of live rows.
struct TenantWords {
  /// A segment with rows of the tenant.
  struct Part {
    var part: Int
    var segment: Segment
    var rows: Segment.TenantRows
    var dictionary: TermDictionary
    var dead: DeadDocuments
    /// For each term of the question a cursor over its postings; nil when no row has the term.
    var cursors: [PostingsCursor?] = []
  }

  /// A head with rows of the tenant.
  struct HeadPart {
    var part: Int
    var rows: Head.Tenant
    /// For each lexicon the numbers of the question's terms.
    var numbers: [ObjectIdentifier: [UInt32?]] = [:]
  }

  let view: IndexView
  let weights: FieldWeights
  let now: Int64
  private(set) var parts: [Part] = []
  private(set) var heads: [HeadPart] = []
  /// The counts of all live rows, whoever may read them.
  private(set) var content = TenantContent()

  /// - Throws: `StorageError` with the code `.corrupt`.
  init(_ view: IndexView, _ tenant: TenantID, _ weights: FieldWeights, now: Int64) throws(StorageError) {
    self.view = view
    self.weights = weights
    self.now = now
    for (number, part) in view.parts.enumerated() {
      guard let rows = part.segment.rows(of: tenant), rows.rowCount > 0 else { continue }
      let dead = part.segment.deadDocuments(rows, part.removed, part.removals, now: now)
      parts.append(
        Part(
          part: number, segment: part.segment, rows: rows, dictionary: try part.segment.dictionary(of: rows),
          dead: dead))
      content.add(part.segment.liveContent(rows, without: dead))
    }
    for (number, head) in view.heads.enumerated() {
      guard let rows = head.tenants[tenant] else { continue }
      heads.append(HeadPart(part: view.parts.count + number, rows: rows))
      for (index, document) in rows.documents.enumerated() where isLive(index, document, rows) {
        for words in document.words { content.add(words.lengths, document.language) }
      }
    }
  }

  func isLive(_ index: Int, _ document: HeadDocument, _ rows: Head.Tenant) -> Bool {
    rows.isLive(index) && !document.facts.info.isExpired(at: now)
  }

  /// Finds the postings of the question's terms.
  ///
  /// - Returns: the statistics of live rows.
  /// - Throws: `StorageError` with the code `.corrupt`.
  mutating func look(for terms: [[UInt8]]) throws(StorageError) -> LexicalStatistics {
    var frequencies = [UInt64](repeating: 0, count: terms.count)
    for index in parts.indices {
      let part = parts[index]
      for (number, term) in terms.enumerated() {
        guard let place = try part.dictionary.find(term) else {
          parts[index].cursors.append(nil)
          continue
        }
        var cursor = try part.segment.cursor(place, in: part.rows)
        frequencies[number] += try part.segment.liveFrequency(
          term, &cursor, part.rows, without: part.dead)
        parts[index].cursors.append(cursor)
      }
    }
    for index in heads.indices {
      let rows = heads[index].rows
      var numbers: [ObjectIdentifier: [UInt32?]] = [:]
      for (place, document) in rows.documents.enumerated() {
        let lexicon = ObjectIdentifier(document.lexicon)
        if numbers[lexicon] == nil { numbers[lexicon] = document.lexicon.numbers(of: terms) }
        guard let known = numbers[lexicon], isLive(place, document, rows) else { continue }
        for words in document.words {
          for (number, term) in known.enumerated() {
            if let term, words.counts(of: term) != nil { frequencies[number] += 1 }
          }
        }
      }
      heads[index].numbers = numbers
    }
    var statistics = LexicalStatistics()
    statistics.chunks = content.rows
    statistics.length = TermField.allCases.reduce(0) { $0 &+ weights[$1] &* content.lengths[$1.rawValue] }
    for (term, frequency) in zip(terms, frequencies) {
      statistics.frequencies[String(decoding: term, as: UTF8.self)] = frequency
    }
    return statistics
  }

  /// The weighted frequencies of the question's terms in a row, in hundredths, and its weighted length.
  ///
  /// - Throws: `StorageError` with the code `.corrupt`.
  mutating func counts(part: Int, row: Int) throws(StorageError) -> (
    counts: [(term: Int, frequency: UInt64)], length: UInt64
  ) {
    if let index = heads.firstIndex(where: { $0.part == part }) {
      let head = heads[index]
      let document = head.rows.documents[Int(head.rows.rowDocuments[row])]
      let words = document.words[row - document.firstRow]
      let counts = (head.numbers[ObjectIdentifier(document.lexicon)] ?? []).enumerated().compactMap {
        (number, term) -> (Int, UInt64)? in
        guard let term, let count = words.counts(of: term) else { return nil }
        return (number, weights.frequency(count))
      }
      return (counts, weights.length(words.lengths))
    }
    guard let index = parts.firstIndex(where: { $0.part == part }) else { return ([], 0) }
    let (segment, rows) = (parts[index].segment, parts[index].rows)
    var counts: [(term: Int, frequency: UInt64)] = []
    for number in parts[index].cursors.indices {
      guard let code = try parts[index].cursors[number]?.code(of: UInt32(row - rows.firstRow)) else {
        continue
      }
      counts.append((number, weights.frequency(segment.counts(ofCode: code))))
    }
    return (counts, weights.length(segment.lengths(ofRow: row)))
  }

  /// The BM25 score of a row, from integer frequencies and lengths.
  ///
  /// - Parameters:
  ///   - termWeights: the weights of the question's terms.
  ///   - meanLength: in hundredths of a term.
  /// - Throws: `StorageError` with the code `.corrupt`.
  mutating func score(part: Int, row: Int, termWeights: [Double], meanLength: Double) throws(StorageError)
    -> Double
  {
    var score = 0.0
    guard let index = parts.firstIndex(where: { $0.part == part }) else {
      let (counts, length) = try counts(part: part, row: row)
      for (term, frequency) in counts {
        score += LexicalStatistics.score(
          weight: termWeights[term], frequency: frequency, length: length, meanLength: meanLength)
      }
      return score
    }
    let (segment, own) = (parts[index].segment, UInt32(row - parts[index].rows.firstRow))
    let length = weights.length(segment.lengths(ofRow: row))
    for number in parts[index].cursors.indices {
      guard let code = try parts[index].cursors[number]?.code(of: own) else { continue }
      score += LexicalStatistics.score(
        weight: termWeights[number], frequency: weights.frequency(segment.counts(ofCode: code)),
        length: length,
        meanLength: meanLength)
    }
    return score
  }

  /// Calls `body` with a part and its cursors, which it may move.
  mutating func withCursors<Result>(
    of index: Int, _ body: (Part, inout [PostingsCursor?]) throws -> Result
  ) rethrows -> Result {
    var cursors = parts[index].cursors
    parts[index].cursors = []
    defer { parts[index].cursors = cursors }
    return try body(parts[index], &cursors)
  }
}
