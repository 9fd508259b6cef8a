internal import CPostings

/// Adds up the scores of 4,096 consecutive rows.
package struct ScoreWindow {
  package static let rows = 4096

  package private(set) var start: UInt32 = 0
  private var sums = [Float](repeating: 0, count: rows)
  private var touched = [UInt64](repeating: 0, count: rows / 64)

  package init() {}

  /// Clears all sums and moves the window to `start`.
  package mutating func begin(at start: UInt32) {
    self.start = start
    for word in touched.indices where touched[word] != 0 {
      for row in word * 64..<(word + 1) * 64 { sums[row] = 0 }
      touched[word] = 0
    }
  }

  /// Adds a term's scores: weight × tf / (tf + a + c × length).
  ///
  /// - Parameters:
  ///   - range: the postings to add. Their rows lie in the window and are below `lengths.count`.
  ///   - frequencies: the weighted frequency of each code.
  ///   - lengths: the weighted length of each row.
  package mutating func add(
    _ rows: [UInt32], _ codes: [UInt32], _ range: Range<Int>, frequencies: [Float],
    lengths: ArraySlice<Float>,
    _ norm: LengthNorm, weight: Float
  ) {
    guard !range.isEmpty else { return }
    let last = rows[range.upperBound - 1]
    precondition(
      rows[range.lowerBound] >= start && last - start < UInt32(Self.rows) && Int(last) < lengths.count)
    precondition(range.upperBound <= codes.count)
    unsafe rows.withUnsafeBufferPointer { rows in
      unsafe codes.withUnsafeBufferPointer { codes in
        unsafe frequencies.withUnsafeBufferPointer { frequencies in
          unsafe lengths.withUnsafeBufferPointer { lengths in
            unsafe sums.withUnsafeMutableBufferPointer { sums in
              unsafe touched.withUnsafeMutableBufferPointer { touched in
                guard let rows = rows.baseAddress, let codes = codes.baseAddress else { return }
                unsafe millrace_postings_add(
                  rows + range.lowerBound, codes + range.lowerBound, range.count, frequencies.baseAddress,
                  frequencies.count, lengths.baseAddress, norm.a, norm.c, weight, start, sums.baseAddress,
                  touched.baseAddress)
              }
            }
          }
        }
      }
    }
  }

  /// Calls `body` with each row whose sum is at least `threshold`, and with the sum, in the order of the rows.
  ///
  /// - Throws: the error that `body` throws.
  package func forEach(atLeast threshold: Float, _ body: (UInt32, Float) throws -> Void) rethrows {
    for (word, bits) in touched.enumerated() where bits != 0 {
      var bits = bits
      while bits != 0 {
        let row = word * 64 + bits.trailingZeroBitCount
        bits &= bits - 1
        if sums[row] >= threshold { try body(start + UInt32(row), sums[row]) }
      }
    }
  }
}
