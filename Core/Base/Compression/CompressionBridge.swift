internal import CCompression

/// Packs and unpacks bytes with the C libraries of the codecs.
package enum Compression {
  /// The codecs that can be unpacked; gzip and lz4 in their frame formats.
  package enum Codec: Int32, Sendable {
    case gzip = 1
    case lz4 = 3
    case zstd = 4
  }

  /// - Returns: nil when the bytes are corrupt, or unpack to more than `limit` bytes.
  package static func unpack(_ bytes: ArraySlice<UInt8>, _ codec: Codec, limit: Int) -> [UInt8]? {
    unsafe bytes.withUnsafeBufferPointer { input -> [UInt8]? in
      var output: UnsafeMutablePointer<UInt8>?
      let count = unsafe millrace_decompress(
        codec.rawValue, input.baseAddress, input.count, limit, &output)
      guard count >= 0 else { return nil }
      defer { unsafe millrace_decompressed_free(output) }
      return unsafe Array(UnsafeBufferPointer(start: output, count: count))
    }
  }

  /// Unpacks one zstd frame whose content has exactly `byteCount` bytes.
  ///
  /// - Returns: nil when the bytes are not such a frame.
  package static func unpackFrame(_ bytes: [UInt8], byteCount: Int) -> [UInt8]? {
    var isWhole = false
    let result = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
      isWhole = unsafe millrace_zstd_unpack(bytes, bytes.count, output.baseAddress, byteCount) == byteCount
      count = isWhole ? byteCount : 0
    }
    return isWhole ? result : nil
  }

  /// Packs the bytes into one zstd frame at level 1, which is fast.
  package static func packFrame(_ bytes: [UInt8]) -> [UInt8] {
    let bound = millrace_zstd_bound(bytes.count)
    return unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
      count = unsafe millrace_zstd_pack(bytes, bytes.count, output.baseAddress, bound)
      precondition(count > 0, "zstd could not pack \(bytes.count) bytes")
    }
  }
}
