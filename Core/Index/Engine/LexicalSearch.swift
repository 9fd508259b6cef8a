import Lexical
import Records
import Segments

/// Finds the rows with the best BM25 scores exactly.
///
/// Rows are searched in windows of 4,096. In each window, the terms whose highest scores together are too low to bring
/// a row among the best are looked up only for rows that other terms have found (MaxScore: Turtle and Flood 1995,
/// doi:10.1016/0306-4573(95)00020-H; with bounds of blocks: Ding and Suel 2011, doi:10.1145/2009916.2010048). Sums are
/// in fp32; rows that may be among the best are scored again from integers, in the order of the question's terms.
struct LexicalSearch {
  /// A term of the question that at least one row of a part has.
  private struct Term {
    /// The position among the question's terms.
    var number: Int
    var weight: Float
    /// The first block whose last row is not below the window's first row.
    var block = 0
    /// One past the last block that may have rows in the window.
    var blockEnd = 0
    /// An upper bound of the term's scores in the window.
    var bound: Float = 0
  }

  private let view: IndexView
  private let fields: FieldWeights
  private let weights: [Float]
  private let norm: LengthNorm
  private let meanLength: Float
  private(set) var top: TopCandidates
  private var reader: QueryReader
  private var window = ScoreWindow()

  /// - Parameters:
  ///   - termWeights: the weights of the question's terms. They may come from the statistics of all shards.
  ///   - meanLength: in hundredths of a term.
  init(
    _ view: IndexView, _ query: IndexQuery, _ fields: FieldWeights, _ termWeights: [Double],
    meanLength: Double
  ) {
    self.view = view
    self.fields = fields
    weights = termWeights.map(Float.init)
    self.meanLength = Float(meanLength / 100)
    norm = LengthNorm(meanLength: self.meanLength)
    // Covers the rounding of fp32 sums of at most 128 scores, and of each score: its factors and the length norm are
    // each exact to about 2⁻²⁴.
    top = TopCandidates(depth: query.depth, error: weights.reduce(0, +) * 3e-5)
    reader = QueryReader(query)
  }

  /// - Returns: all rows that may be among the best `depth` texts.
  /// - Throws: `StorageError` when what is stored can't be read.
  mutating func candidates(_ words: inout TenantWords) throws -> [TopCandidates.Candidate] {
    for index in words.heads.indices { scan(words.heads[index]) }
    for index in words.parts.indices {
      try words.withCursors(of: index) { part, cursors in try scan(part, &cursors) }
    }
    return top.kept
  }

  private mutating func scan(_ head: TenantWords.HeadPart) {
    for (place, document) in head.rows.documents.enumerated() where head.rows.isLive(place) {
      guard let numbers = head.numbers[ObjectIdentifier(document.lexicon)],
        numbers.contains(where: { $0 != nil })
      else { continue }
      var mayBeSeen: Bool?
      for (chunk, rowWords) in document.words.enumerated() {
        let length = Float(fields.length(rowWords.lengths)) / 100
        var score: Float = 0
        for (number, term) in numbers.enumerated() {
          guard let term, let counts = rowWords.counts(of: term) else { continue }
          let frequency = Float(fields.frequency(counts)) / 100
          score += weights[number] * norm.saturation(frequency: frequency, length: length)
        }
        guard score > 0, score >= top.threshold else { continue }
        let may = mayBeSeen ?? reader.maySee(document)
        mayBeSeen = may
        guard may else { break }
        top.offer(
          TopCandidates.Candidate(
            part: Int32(head.part), row: Int32(document.firstRow + chunk), score: score,
            text: rowWords.textHash))
      }
    }
  }

  private mutating func scan(_ part: TenantWords.Part, _ cursors: inout [PostingsCursor?]) throws {
    let (segment, rows) = (part.segment, part.rows)
    var terms = cursors.indices.filter { cursors[$0] != nil && weights[$0] > 0 }
      .map { Term(number: $0, weight: weights[$0]) }
    guard !terms.isEmpty else { return }
    let lengths = segment.weightedLengths(fields)[rows.firstRow..<rows.firstRow + rows.rowCount]
    let frequencies = segment.weightedFrequencies(fields)
    // The stored saturations were computed with another mean length. If the present one is longer, they can grow, by at
    // most the ratio of both.
    let stored = segment.meanLength(of: rows, fields)
    let growth = stored.map { max(1, meanLength / $0) * 1.0001 / 255 } ?? 1
    var start = 0
    while start < rows.rowCount {
      let end = min(start + ScoreWindow.rows, rows.rowCount)
      var sum: Float = 0
      for index in terms.indices {
        place(&terms[index], cursors, UInt32(start), UInt32(end), growth)
        sum += terms[index].bound
      }
      if sum >= top.threshold, sum > 0 {
        try scan(part, UInt32(start), UInt32(end), terms, &cursors, lengths, frequencies)
      }
      start = end
    }
  }

  /// Finds a term's blocks for a window, and its bound there.
  private func place(
    _ term: inout Term, _ cursors: [PostingsCursor?], _ start: UInt32, _ end: UInt32, _ growth: Float
  ) {
    guard let cursor = cursors[term.number] else { return }
    while term.block < cursor.blockCount, cursor.lastRow(term.block) < start { term.block += 1 }
    var impact: UInt8 = 0
    var block = term.block
    while block < cursor.blockCount {
      impact = max(impact, cursor.impact(block))
      block += 1
      // The next block begins behind this one's last row.
      if cursor.lastRow(block - 1) >= end - 1 { break }
    }
    term.blockEnd = block
    term.bound = impact == 0 ? 0 : term.weight * min(1, growth == 1 ? 1 : Float(impact) * growth)
  }

  private mutating func scan(
    _ part: TenantWords.Part, _ start: UInt32, _ end: UInt32, _ terms: [Term],
    _ cursors: inout [PostingsCursor?], _ lengths: ArraySlice<Float>, _ frequencies: [Float]
  ) throws {
    let ordered = terms.filter { $0.bound > 0 }.sorted { $0.bound > $1.bound }
    // For each position, the most that the terms from there on can add together.
    var rests = [Float](repeating: 0, count: ordered.count + 1)
    for index in ordered.indices.reversed() { rests[index] = rests[index + 1] + ordered[index].bound }
    // Only the essential terms, which come first, are added up for all of their rows: the others can't bring a row
    // among the best, even together.
    var essential = ordered.count
    while essential > 0, rests[essential - 1] < top.threshold { essential -= 1 }
    guard essential > 0 else { return }
    window.begin(at: start)
    for term in ordered[..<essential] {
      for block in term.block..<term.blockEnd {
        try cursors[term.number]?.load(block)
        guard let cursor = cursors[term.number] else { continue }
        let range = cursor.index(notBefore: start)..<cursor.index(notBefore: end)
        window.add(
          cursor.rows, cursor.codes, range, frequencies: frequencies, lengths: lengths, norm,
          weight: term.weight)
      }
    }
    let content = view.parts[part.part]
    var places = ordered.map { (block: $0.block, position: 0) }
    // A copy: the closure changes other parts of `self` while the sums are read.
    let sums = window
    try sums.forEach(atLeast: top.threshold - rests[essential]) { row, sum in
      var score = sum
      for index in essential..<ordered.count {
        if score + rests[index] < top.threshold { return }
        let term = ordered[index]
        var place = places[index]
        let found = try cursors[term.number]?.next(row, block: &place.block, position: &place.position)
        places[index] = place
        guard let code = found else { continue }
        let frequency = Int(code) < frequencies.count ? frequencies[Int(code)] : 0
        let length = lengths[lengths.startIndex + Int(row)]
        score += term.weight * norm.saturation(frequency: frequency, length: length)
      }
      guard score >= top.threshold else { return }
      let all = part.rows.firstRow + Int(row)
      let document = part.segment.document(ofRow: all)
      guard !content.removed.contains(document),
        try reader.maySee(document, of: part.segment, part: Int32(part.part))
      else { return }
      top.offer(
        TopCandidates.Candidate(
          part: Int32(part.part), row: Int32(all), score: score, text: part.segment.textHash(ofRow: all)))
    }
  }
}
