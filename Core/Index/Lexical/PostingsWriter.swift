import Storage

/// Encodes the postings of one term in one segment. Rows are counted from the tenant's first row.
///
/// Fewer than 128 postings are pairs of varints: the difference to the previous row, and the code of the counts. Longer
/// lists begin with a table of 12 bytes for each block: the block's last row (4), the offset of its bytes behind the
/// table (4), the bits of a row difference (1) and of a code (1), an upper bound of its saturations in 255ths (1), 0
/// (1). All blocks have 128 postings, except that the last one may have fewer: then it is stored in varints, and both
/// numbers of bits are 255.
package enum PostingsWriter {
  static let entryBytes = 12
  static let inVarints: UInt8 = 255

  /// - Parameters:
  ///   - rows: ascending, two or more.
  ///   - saturations: the saturation of each posting, 0 to 1.
  /// - Returns: the bytes, and an upper bound of the saturations in 255ths.
  package static func bytes(_ rows: [UInt32], _ codes: [UInt32], _ saturations: [Float]) -> (
    bytes: [UInt8], impact: UInt8
  ) {
    let all = rows.indices
    guard rows.count >= PostingsBlock.count else {
      var writer = ByteWriter()
      append(rows, codes, all, base: 0, to: &writer)
      return (writer.bytes, impact(saturations, all))
    }
    var table = ByteWriter()
    var blocks: [UInt8] = []
    var base: UInt32 = 0
    for start in stride(from: 0, to: rows.count, by: PostingsBlock.count) {
      let range = start..<min(start + PostingsBlock.count, rows.count)
      table.uint32(rows[range.upperBound - 1])
      table.uint32(UInt32(blocks.count))
      var bits: (rows: UInt8, codes: UInt8) = (inVarints, inVarints)
      if range.count == PostingsBlock.count {
        let packed = PostingsBlock.pack(Array(rows[range]), Array(codes[range]), base: base)
        bits = (packed.rowBits, packed.codeBits)
        blocks += packed.bytes
      } else {
        var writer = ByteWriter()
        append(rows, codes, range, base: base, to: &writer)
        blocks += writer.bytes
      }
      table.raw([bits.rows, bits.codes, impact(saturations, range), 0])
      base = rows[range.upperBound - 1]
    }
    return (table.bytes + blocks, impact(saturations, all))
  }

  private static func append(
    _ rows: [UInt32], _ codes: [UInt32], _ range: Range<Int>, base: UInt32, to writer: inout ByteWriter
  ) {
    var before = base
    for index in range {
      writer.varint(UInt64(rows[index] - before))
      writer.varint(UInt64(codes[index]))
      before = rows[index]
    }
  }

  package static func impact(_ saturations: [Float], _ range: Range<Int>) -> UInt8 {
    var highest: Float = 0
    for index in range { highest = max(highest, saturations[index]) }
    // One more, because the division that gave a saturation may have rounded it down.
    return UInt8(min(255, (highest * 255).rounded(.up) + 1))
  }
}
