import Cryptography

/// Writes a `BlockFile` from front to back.
package final class BlockFileWriter {
  private let file: any WritableFile
  private let magic: String
  private var block: [UInt8] = []
  private var checksums = ByteWriter()
  /// The number of content bytes so far.
  package private(set) var count = 0

  /// - Parameter magic: eight ASCII characters.
  /// - Throws: `StorageError` when the file can't be created.
  package init(_ disk: any Disk, _ name: String, magic: String) throws(StorageError) {
    precondition(magic.utf8.count == 8)
    file = try disk.create(name)
    self.magic = magic
    block.reserveCapacity(BlockFile.blockBytes)
  }

  /// - Throws: `StorageError` when the file can't be written.
  package func append(_ bytes: [UInt8]) throws(StorageError) {
    count += bytes.count
    var rest = bytes[...]
    while !rest.isEmpty {
      let room = BlockFile.blockBytes - block.count
      block += rest.prefix(room)
      rest = rest.dropFirst(room)
      if block.count == BlockFile.blockBytes { try flush() }
    }
  }

  /// Appends zeros until the content's length is a multiple of `alignment`.
  ///
  /// - Throws: as `append`.
  package func align(_ alignment: Int) throws(StorageError) {
    let excess = count % alignment
    if excess > 0 { try append([UInt8](repeating: 0, count: alignment - excess)) }
  }

  private func flush() throws(StorageError) {
    guard !block.isEmpty else { return }
    checksums.uint32(Checksum.crc32c(block[...]))
    try file.append(block)
    block.removeAll(keepingCapacity: true)
  }

  /// Writes the checksums, the length and the magic, and makes the file's bytes durable.
  ///
  /// - Returns: the size of the file.
  /// - Throws: as `append`.
  package func finish() throws(StorageError) -> Int {
    try flush()
    checksums.uint64(UInt64(count))
    var tail = ByteWriter()
    tail.uint32(Checksum.crc32c(checksums.bytes[...]))
    try file.append(checksums.bytes + tail.bytes + Array(magic.utf8))
    try file.sync()
    file.close()
    return count + checksums.bytes.count + tail.bytes.count + 8
  }

  /// Closes the file, finished or not.
  package func abandon() { file.close() }
}
