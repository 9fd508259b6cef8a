internal import CCompression

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
    guard self != .snappy else { return nil }
    return unsafe bytes.withUnsafeBufferPointer { input -> [UInt8]? in
      var output: UnsafeMutablePointer<UInt8>?
      let count = unsafe millrace_decompress(
        Int32(rawValue), input.baseAddress, input.count, Self.bytesMax, &output)
      guard count >= 0 else { return nil }
      defer { unsafe millrace_decompressed_free(output) }
      return unsafe Array(UnsafeBufferPointer(start: output, count: count))
    }
  }
}
