import Compression

/// Compression codecs by their number in the attributes of a batch.
enum Codec: UInt16 {
  case none = 0
  case gzip = 1
  case snappy = 2
  case lz4 = 3
  case zstd = 4

  /// Limit of an unpacked batch, so that a small compressed batch can't fill the memory.
  private static let bytesMax = 64 << 20

  /// - Returns: nil when the bytes are corrupt, unpack to more than `bytesMax`, or are compressed with
  ///   snappy, which this broker can't unpack.
  func decompressed(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    guard self != .none else { return Array(bytes) }
    return Compression.Codec(rawValue: Int32(rawValue)).flatMap {
      Compression.unpack(bytes, $0, limit: Self.bytesMax)
    }
  }
}
