import Storage

/// The terms of rows in memory. All rows use the same lexicon.
package struct RowTermStream: TermStream {
  private let rows: [UInt32]
  private let counts: [TermCounts]
  /// The terms in byte order, each with the range of its postings in `rows` and `counts`.
  private let terms: [(term: [UInt8], range: Range<Int>)]
  private var position = 0

  /// - Parameter rows: the words of each row with its number, in ascending order.
  package init(_ rows: [(row: UInt32, words: RowWords)], _ lexicon: Lexicon) {
    // Sorted by term, then by row.
    let total = rows.reduce(0) { $0 + $1.words.terms.count }
    var keys: [(term: UInt32, index: UInt32)] = []
    var (allRows, allCounts): ([UInt32], [TermCounts]) = ([], [])
    var numbers: [UInt32] = []
    var ranges: [Range<Int>] = []
    if total > 65_536 {
      (numbers, ranges, allRows, allCounts) = Self.counted(rows, lexicon.termCount, total)
    } else {
      keys.reserveCapacity(total)
      for (index, row) in rows.enumerated() {
        for term in row.words.terms { keys.append((term, UInt32(index))) }
      }
      keys.sort { ($0.term, $0.index) < ($1.term, $1.index) }
      var start = 0
      for (place, key) in keys.enumerated() {
        let row = rows[Int(key.index)]
        allRows.append(row.row)
        allCounts.append(row.words.counts(of: key.term) ?? TermCounts(bits: 0))
        if place + 1 == keys.count || keys[place + 1].term != key.term {
          numbers.append(key.term)
          ranges.append(start..<place + 1)
          start = place + 1
        }
      }
    }
    var sorted: [(prefix: UInt64, term: [UInt8], range: Range<Int>)] = []
    sorted.reserveCapacity(numbers.count)
    for (number, range) in zip(numbers, ranges) {
      let term = lexicon.term(number)
      var prefix: UInt64 = 0
      for index in 0..<8 { prefix = prefix << 8 | (index < term.count ? UInt64(term[index]) : 0) }
      sorted.append((prefix, term, range))
    }
    sorted.sort {
      $0.prefix != $1.prefix ? $0.prefix < $1.prefix : $0.term.lexicographicallyPrecedes($1.term)
    }
    terms = sorted.map { ($0.term, $0.range) }
    self.rows = allRows
    counts = allCounts
  }

  /// Groups the postings by term with a counting sort: O(postings + terms).
  private static func counted(_ rows: [(row: UInt32, words: RowWords)], _ termCount: Int, _ total: Int) -> (
    [UInt32], [Range<Int>], [UInt32], [TermCounts]
  ) {
    var ends = [Int](repeating: 0, count: termCount + 1)
    for row in rows { for term in row.words.terms { ends[Int(term) + 1] += 1 } }
    var (numbers, ranges): ([UInt32], [Range<Int>]) = ([], [])
    for term in 0..<termCount {
      if ends[term + 1] > 0 {
        numbers.append(UInt32(term))
        ranges.append(ends[term]..<ends[term] + ends[term + 1])
      }
      ends[term + 1] += ends[term]
    }
    var sortedRows = [UInt32](repeating: 0, count: total)
    var sortedCounts = [TermCounts](repeating: TermCounts(bits: 0), count: total)
    for row in rows {
      for (term, count) in zip(row.words.terms, row.words.counts) {
        let place = ends[Int(term)]
        ends[Int(term)] = place + 1
        sortedRows[place] = row.row
        sortedCounts[place] = count
      }
    }
    return (numbers, ranges, sortedRows, sortedCounts)
  }

  package mutating func next() throws(StorageError) -> TermPostings? {
    guard position < terms.count else { return nil }
    defer { position += 1 }
    let (term, range) = terms[position]
    return TermPostings(term: term, rows: Array(rows[range]), counts: Array(counts[range]))
  }
}
