internal import CKernels

/// Vectors in the layout that the scan reads: panels of 32 rows, stored value by value (`millrace_kernels.h`).
package struct Panels: Sendable {
  /// How a value is stored.
  package enum Kind: UInt32, Sendable, CaseIterable {
    case fp32 = 0
    /// The upper half of an fp32 number, rounded to nearest: half of the bytes, scores are off by up to 1 part in 256.
    case bf16 = 1

    package var valueBytes: Int { self == .fp32 ? 4 : 2 }
  }

  /// The number of rows in a panel.
  package static let rows = 32

  package let file: MappedFile
  package let offset: Int
  package let count: Int
  package let kind: Kind
  /// The number of values in a row; always even.
  package let dimension: Int

  /// - Precondition: the panels lie within the file and begin at a multiple of 4.
  package init(_ file: MappedFile, offset: Int, count: Int, kind: Kind, dimension: Int) {
    precondition(
      offset >= 0 && offset % 4 == 0 && count >= 0 && dimension % 2 == 0
        && offset + count * Self.byteCount(kind, dimension: dimension) <= file.byteCount)
    self.file = file
    self.offset = offset
    self.count = count
    self.kind = kind
    self.dimension = dimension
  }

  /// The bytes of one panel.
  package static func byteCount(_ kind: Kind, dimension: Int) -> Int { rows * dimension * kind.valueBytes }

  /// The values of a row, counted over all panels; rounded for bf16.
  package func values(ofRow row: Int) -> [Float] {
    precondition(row >= 0 && row < count * Self.rows)
    let start = offset + row / Self.rows * Self.byteCount(kind, dimension: dimension)
    let lane = row % Self.rows
    return (0..<dimension).map { k in
      let half = lane / 16 * dimension
      if kind == .fp32 {
        return Float(bitPattern: file.uint32(at: start + ((half + k) * 16 + lane % 16) * 4))
      }
      let word = file.uint32(at: start + ((half + k) / 2 * 16 + lane % 16) * 4)
      return Float(bitPattern: k % 2 == 0 ? word << 16 : word & 0xFFFF_0000)
    }
  }

  /// Packs 32 row-major rows into a panel.
  ///
  /// - Precondition: `values` holds 32 rows of `dimension` values from `start` on.
  package static func pack(_ values: [Float], from start: Int = 0, kind: Kind, dimension: Int) -> [UInt8] {
    precondition(start >= 0 && values.count >= start + rows * dimension)
    let padded = dimension + dimension % 2
    let size = byteCount(kind, dimension: padded)
    return unsafe values.withUnsafeBufferPointer { source in
      unsafe [UInt8](unsafeUninitializedCapacity: size) { panel, count in
        if let from = source.baseAddress {
          unsafe millrace_panel_pack(
            Int32(kind.rawValue), from + start, dimension, padded, panel.baseAddress)
        }
        count = size
      }
    }
  }

  /// The bytes of floats, little-endian.
  package static func bytes(_ values: [Float]) -> [UInt8] {
    unsafe values.withUnsafeBytes { unsafe Array($0) }
  }

  /// A number as bf16 stores it.
  package static func rounded(_ value: Float) -> Float { millrace_bf16_round(value) }

  /// The largest Euclidean distance between a row and the same row in bf16.
  ///
  /// - Parameter values: row-major rows of finite values.
  package static func roundingError(_ values: [Float], from start: Int, rowCount: Int, dimension: Int)
    -> Float
  {
    precondition(start >= 0 && values.count >= start + rowCount * dimension)
    return unsafe values.withUnsafeBufferPointer { source in
      guard let from = source.baseAddress else { return 0 }
      return unsafe millrace_bf16_error(from + start, rowCount, dimension)
    }
  }

  /// The largest Euclidean length of a row.
  ///
  /// - Parameter values: row-major rows of finite values.
  package static func longest(_ values: [Float], from start: Int, rowCount: Int, dimension: Int) -> Float {
    precondition(start >= 0 && values.count >= start + rowCount * dimension)
    return unsafe values.withUnsafeBufferPointer { source in
      guard let from = source.baseAddress else { return 0 }
      return unsafe millrace_longest(from + start, rowCount, dimension)
    }
  }

  /// The Euclidean distance between a query and what the scan makes of it: bf16 products need a rounded query.
  package static func queryError(_ query: [Float], kind: Kind) -> Float {
    unsafe millrace_query_error(Int32(kind.rawValue), query, query.count)
  }

  /// The dot product, the same bit for bit with every instruction set.
  ///
  /// - Precondition: both have the same number of values.
  package static func dot(_ a: [Float], _ b: [Float]) -> Float {
    precondition(a.count == b.count)
    return unsafe millrace_dot(a, b, a.count)
  }

  /// The dot product with floats of a file, the same bit for bit. `offset` is a multiple of 4.
  package static func dot(_ file: MappedFile, at offset: Int, _ b: [Float]) -> Float {
    precondition(offset >= 0 && offset % 4 == 0 && offset + b.count * 4 <= file.byteCount)
    return unsafe millrace_dot((file.base + offset).assumingMemoryBound(to: Float.self), b, b.count)
  }

  /// The instruction set of the scan: "avx512_bf16", "avx512", "avx2" or "portable".
  package static var instructionSet: String { unsafe String(cString: millrace_panels_instruction_set()) }

  /// Sets the instruction set, for tests and benchmarks: 0 portable, 1 AVX2, 2 AVX-512, 3 AVX-512 with products of
  /// bf16, nil the best.
  ///
  /// - Returns: false where the processor lacks it.
  package static func use(instructionSet: Int32?) -> Bool { millrace_panels_use(instructionSet ?? -1) != 0 }
}
