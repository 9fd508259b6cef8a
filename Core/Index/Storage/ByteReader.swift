/// Reads what `ByteWriter` wrote. Every access is checked: damaged bytes throw, they never trap.
package struct ByteReader {
  private let bytes: [UInt8]
  private let file: String
  private var position = 0

  /// - Parameter file: the file's name, for errors.
  package init(_ bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  package var isAtEnd: Bool { position == bytes.count }

  package func corrupt(_ reason: String) -> StorageError {
    StorageError(.corrupt, file: file, "\(reason) at byte \(position)")
  }

  private mutating func take(_ count: Int) throws(StorageError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else { throw corrupt("ends within a value") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  package mutating func uint32() throws(StorageError) -> UInt32 {
    try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  package mutating func uint64() throws(StorageError) -> UInt64 {
    try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  package mutating func varint() throws(StorageError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard position < bytes.count else { throw corrupt("ends within a number") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw corrupt("a number of more than ten bytes")
  }

  /// Reads a count of items. Each takes at least one byte, so a count above the number of remaining bytes is an error.
  package mutating func count() throws(StorageError) -> Int {
    guard let count = Int(exactly: try varint()), count <= bytes.count - position else {
      throw corrupt("a count beyond the end")
    }
    return count
  }

  package mutating func int() throws(StorageError) -> Int64 { Int64(bitPattern: try varint()) }

  package mutating func bool() throws(StorageError) -> Bool {
    guard let byte = try take(1).first, byte < 2 else { throw corrupt("neither true nor false") }
    return byte == 1
  }

  package mutating func data() throws(StorageError) -> [UInt8] { Array(try take(try count())) }

  /// Skips bytes that `ByteWriter.data` wrote, and compares them with others.
  ///
  /// - Parameter from: the position in `other` at which the comparison begins.
  /// - Returns: how many of the first bytes are equal, and how many bytes were skipped.
  package mutating func common(with other: [UInt8], from: Int) throws(StorageError) -> (
    equal: Int, length: Int
  ) {
    let length = try count()
    let end = min(length, other.count - from)
    var equal = 0
    while equal < end, bytes[position + equal] == other[from + equal] { equal += 1 }
    position += length
    return (equal, length)
  }

  /// All bytes that were not read yet.
  package mutating func rest() throws(StorageError) -> [UInt8] { Array(try take(bytes.count - position)) }

  package mutating func string() throws(StorageError) -> String {
    guard let text = String(validating: try take(try count()), as: UTF8.self) else {
      throw corrupt("text that is not UTF-8")
    }
    return text
  }
}
