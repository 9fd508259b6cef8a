internal import CChecksum

/// Checksums of stored and transmitted bytes.
package enum Checksum {
  /// CRC-32C (Castagnoli), the checksum of Kafka's record batches.
  package static func crc32c(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    unsafe bytes.withUnsafeBufferPointer { unsafe millrace_crc32c($0.baseAddress, $0.count) }
  }

  /// CRC-32C of bytes that are not in an array, for example in a mapped file.
  package static func crc32c(_ bytes: RawSpan) -> UInt32 {
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe millrace_crc32c(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
  }
}
