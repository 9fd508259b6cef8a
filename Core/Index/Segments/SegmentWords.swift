import Analysis
import Lexical
import Storage
import Synchronization
import VectorMath

/// A segment's tables for the search for words, without its terms and postings.
final class SegmentWords: Sendable {
  /// The weights of fields that the stored saturations were computed with, in hundredths.
  let weights: [UInt32]
  let languages: [Language]
  /// The counts that each code stands for.
  let counts: [TermCounts]
  private let lengths = Mutex<(weights: FieldWeights, values: [Float])?>(nil)
  private let frequencies = Mutex<(weights: FieldWeights, values: [Float])?>(nil)

  /// - Throws: `StorageError` with the code `.corrupt`.
  init(_ file: MappedFile, _ directory: SegmentDirectory, name: String) throws(StorageError) {
    let section = directory[.words]
    var reader = ByteReader(file.bytes(at: section.offset, count: section.count), file: name)
    var weights: [UInt32] = []
    for _ in TermField.allCases { weights.append(try reader.uint32()) }
    var languages: [Language] = []
    while !reader.isAtEnd { languages.append(Language(try reader.string())) }
    self.weights = weights
    self.languages = languages
    let table = directory[.termCounts]
    counts = (0..<table.count / 4).map { TermCounts(bits: file.uint32(at: table.offset + $0 * 4)) }
  }

  /// For each row its weighted length, in terms.
  func lengths(_ file: MappedFile, _ directory: SegmentDirectory, _ weights: FieldWeights) -> [Float] {
    lengths.withLock { known in
      if let known, known.weights == weights { return known.values }
      let table = directory[.rowLengths].offset
      let values = (0..<directory.rowCount).map {
        Float(weights.length(FieldLengths(bits: file.uint64(at: table + $0 * 8)))) / 100
      }
      known = (weights, values)
      return values
    }
  }

  /// For each code the weighted frequency.
  func frequencies(_ weights: FieldWeights) -> [Float] {
    frequencies.withLock { known in
      if let known, known.weights == weights { return known.values }
      let values = counts.map { Float(weights.frequency($0)) / 100 }
      known = (weights, values)
      return values
    }
  }
}
