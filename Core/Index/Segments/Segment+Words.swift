import Analysis
import Lexical
import Storage

extension Segment {
  private func range(_ section: SegmentDirectory.Section) -> Range<Int> {
    let (offset, count) = directory[section]
    return offset..<offset + count
  }

  /// The bytes of all sections that only the search for words needs.
  package var wordBytes: Int {
    [
      SegmentDirectory.Section.rowLengths, .rowHashes, .rowsByHash, .documentLanguages, .postings, .terms,
      .termBlocks, .termCounts, .wordTenants, .words,
    ].reduce(0) { $0 + directory[$1].count }
  }

  private func wordPlace(_ rows: TenantRows) -> Int {
    directory[.wordTenants].offset + rows.number * SegmentDirectory.wordTenantBytes
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package func dictionary(of rows: TenantRows) throws(StorageError) -> TermDictionary {
    let place = wordPlace(rows)
    let postings = range(.postings)
    guard let start = Int(exactly: file.uint64(at: place + 16)), start <= postings.count else {
      throw corrupt("a tenant's postings lie beyond their section")
    }
    return try TermDictionary(
      file, terms: range(.terms), blocks: range(.termBlocks),
      postings: postings.lowerBound + start..<postings.upperBound, firstBlock: Int(file.uint32(at: place)),
      termCount: Int(file.uint32(at: place + 4)), name: name)
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package func cursor(_ place: PostingsCursor.Place, in rows: TenantRows) throws(StorageError)
    -> PostingsCursor
  {
    try PostingsCursor(file, place, rowCount: rows.rowCount, name: name)
  }

  /// The mean weighted length that the tenant's saturations were computed with, in terms; nil when they were computed
  /// with other weights, so that they can't be used.
  package func meanLength(of rows: TenantRows, _ weights: FieldWeights) -> Float? {
    guard wordFacts.weights == weights.numbers else { return nil }
    let mean = Float(bitPattern: file.uint32(at: wordPlace(rows) + 8))
    return mean.isFinite && mean > 0 ? mean : nil
  }

  /// The number of terms in each field, over all rows of the tenant.
  package func totalLengths(of rows: TenantRows) -> [UInt64] {
    let place = wordPlace(rows) + 24
    return TermField.allCases.map { file.uint64(at: place + $0.rawValue * 8) }
  }

  package func counts(ofCode code: UInt32) -> TermCounts {
    code < UInt32(wordFacts.counts.count) ? wordFacts.counts[Int(code)] : TermCounts(bits: 0)
  }

  /// For each row its weighted length, in terms.
  package func weightedLengths(_ weights: FieldWeights) -> [Float] {
    wordFacts.lengths(file, directory, weights)
  }

  /// For each code its weighted frequency.
  package func weightedFrequencies(_ weights: FieldWeights) -> [Float] { wordFacts.frequencies(weights) }

  package func textHash(ofRow row: Int) -> UInt64 { file.uint64(at: directory[.rowHashes].offset + row * 8) }

  package func lengths(ofRow row: Int) -> FieldLengths {
    FieldLengths(bits: file.uint64(at: directory[.rowLengths].offset + row * 8))
  }

  /// The tenant's rows whose folded text has this hash, in ascending order, at most a thousand.
  package func rows(withTextHash hash: UInt64, in rows: TenantRows) -> [Int] {
    let table = directory[.rowsByHash].offset + rows.firstRow * 4
    func row(_ place: Int) -> Int {
      rows.firstRow + min(Int(file.uint32(at: table + place * 4)), max(0, rows.rowCount - 1))
    }
    var (low, high) = (0, rows.rowCount)
    while low < high {
      let middle = (low + high) / 2
      if textHash(ofRow: row(middle)) < hash { low = middle + 1 } else { high = middle }
    }
    var found: [Int] = []
    while low < rows.rowCount, found.count < 1000, textHash(ofRow: row(low)) == hash {
      found.append(row(low))
      low += 1
    }
    return found
  }

  package func language(of document: Int) -> Language {
    let number = Int(file.byte(at: directory[.documentLanguages].offset + document))
    return number < wordFacts.languages.count ? wordFacts.languages[number] : .unknown
  }

  package var rowTotal: Int { rowCount }

  package func words(ofRow row: Int) -> (lengths: FieldLengths, textHash: UInt64) {
    (lengths(ofRow: row), textHash(ofRow: row))
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package func terms(ofTenantOf document: Int) throws(StorageError) -> [any TermStream] {
    [try SegmentTermStream(self, tenant(Int(file.uint32(at: documentPlace(document) + 44))))]
  }
}
