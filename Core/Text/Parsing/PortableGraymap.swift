/// The header of a picture as `pdftoppm -gray` writes it: "P5", width, height, 255, one byte of white space. The pixels
/// follow, a byte each.
package struct PortableGraymap {
  package var width: Int
  package var height: Int
  /// The byte range of the pixels, counted like the bytes that the header was read from. It may reach beyond the bytes
  /// that have arrived.
  package var range: Range<Int>

  /// Far more than a page at 300 dots an inch has.
  private static let sideMax = 8192

  /// - Returns: nil unless the bytes begin with a complete header of this kind.
  package init?(_ bytes: ArraySlice<UInt8>) {
    var position = bytes.startIndex
    func word() -> String? {
      while position < bytes.endIndex, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
      let start = position
      while position < bytes.endIndex, bytes[position] > 0x20, position - start < 8 { position += 1 }
      return position < bytes.endIndex && position > start
        ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }
    guard word() == "P5", let width = word().flatMap({ Int($0) }), let height = word().flatMap({ Int($0) }),
      word() == "255", (1...Self.sideMax).contains(width), (1...Self.sideMax).contains(height)
    else { return nil }
    self.width = width
    self.height = height
    range = position + 1..<position + 1 + width * height
  }
}
