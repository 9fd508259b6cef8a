import Cryptography
import VectorMath

/// The format that wraps the content of every file of the index.
///
///     content | CRC-32C of each block of 1 MiB of the content, 4 bytes each | content length (8) | CRC-32C of the
///     checksums and the length (4) | magic (8)
///
/// Numbers are little-endian. The magic names the kind of the file and the version of its format. A file that is
/// truncated, or has one wrong bit, is rejected.
package enum BlockFile {
  package static let blockBytes = 1 << 20
  private static let tailBytes = 20

  /// Opens a file and checks its format and every checksum.
  ///
  /// - Returns: the file, and the length of its content.
  /// - Throws: `StorageError` with the code `.missing`, `.corrupt` or `.newer`; `.failed` when it can't be opened.
  package static func open(_ disk: any Disk, _ name: String, magic: String) throws(StorageError)
    -> (file: MappedFile, content: Int)
  {
    let file = try disk.open(name)
    guard file.populate() else { throw StorageError(.corrupt, file: name, "some of its bytes can't be read") }
    return (file, try check(file, name: name, magic: magic))
  }

  /// Checks the format and every checksum.
  ///
  /// - Returns: the length of the content.
  /// - Throws: `StorageError` with the code `.corrupt`, or `.newer` when only the last byte of the magic differs.
  private static func check(_ file: MappedFile, name: String, magic: String) throws(StorageError) -> Int {
    func corrupt(_ reason: String) -> StorageError { StorageError(.corrupt, file: name, reason) }
    guard file.byteCount >= tailBytes else { throw corrupt("\(file.byteCount) bytes are too few") }
    let tail = file.byteCount - tailBytes
    let found = file.bytes(at: tail + 12, count: 8)
    guard found == Array(magic.utf8) else {
      let isSibling = found.dropLast() == Array(magic.utf8).dropLast()
      throw StorageError(
        isSibling ? .newer : .corrupt, file: name,
        isSibling ? "it has the format of another release" : "its magic is not \(magic)")
    }
    guard let content = Int(exactly: file.uint64(at: tail)), content <= tail,
      (content + blockBytes - 1) / blockBytes * 4 == tail - content
    else { throw corrupt("its size does not match its stored content length") }
    let sum = file.withSpan(at: content, count: tail - content + 8) { Checksum.crc32c($0) }
    guard sum == file.uint32(at: tail + 8) else { throw corrupt("the checksum of its checksums is wrong") }
    for (block, start) in stride(from: 0, to: content, by: blockBytes).enumerated() {
      let sum = file.withSpan(at: start, count: min(blockBytes, content - start)) { Checksum.crc32c($0) }
      guard sum == file.uint32(at: content + block * 4) else {
        throw corrupt("the checksum of its bytes from \(start) on is wrong")
      }
    }
    return content
  }
}
