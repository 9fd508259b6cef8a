/// Copies vectors without conversion: protobuf's floats are little-endian, and so are all supported machines.
enum WireFloats {
  static func append(_ values: [Float], to bytes: inout [UInt8]) {
    unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
  }

  /// - Precondition: `content.count` is a multiple of 4.
  static func append(_ content: ArraySlice<UInt8>, to values: inout [Float]) {
    let count = content.count / 4
    let copied = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe content.withUnsafeBytes { source in
        unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
      }
      initialized = count
    }
    if values.isEmpty { values = copied } else { values.append(contentsOf: copied) }
  }
}
