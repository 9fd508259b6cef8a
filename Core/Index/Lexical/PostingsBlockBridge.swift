internal import CPostings

/// Packs and unpacks blocks of 128 postings.
enum PostingsBlock {
  static let count = Int(MILLRACE_BLOCK)

  /// - Precondition: there are `count` ascending rows and `count` codes; `base` is at most the first row.
  static func pack(_ rows: [UInt32], _ codes: [UInt32], base: UInt32) -> (
    bytes: [UInt8], rowBits: UInt8, codeBits: UInt8
  ) {
    precondition(rows.count == count && codes.count == count)
    var rowBits: UInt32 = 0
    var codeBits: UInt32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 1024) { out, written in
      unsafe rows.withUnsafeBufferPointer { rows in
        unsafe codes.withUnsafeBufferPointer { codes in
          written = unsafe millrace_postings_pack(
            rows.baseAddress, codes.baseAddress, base, out.baseAddress, &rowBits, &codeBits)
        }
      }
    }
    return (bytes, UInt8(rowBits), UInt8(codeBits))
  }

  /// - Returns: false when the bytes are too few, a number of bits is above 32, or a row is not below `rowCount`.
  static func unpack(
    _ bytes: RawSpan, rowBits: UInt8, codeBits: UInt8, base: UInt32, rowCount: Int, _ rows: inout [UInt32],
    _ codes: inout [UInt32]
  ) -> Bool {
    precondition(rows.count >= count && codes.count >= count)
    return unsafe bytes.withUnsafeBytes { bytes in
      unsafe rows.withUnsafeMutableBufferPointer { rows in
        unsafe codes.withUnsafeMutableBufferPointer { codes in
          unsafe millrace_postings_unpack(
            bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, UInt32(rowBits),
            UInt32(codeBits),
            base, UInt32(clamping: rowCount), rows.baseAddress, codes.baseAddress) == 0
        }
      }
    }
  }
}
