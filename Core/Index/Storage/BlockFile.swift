import Cryptography
import VectorMath

/// The outer form of each file of the index.
///
///     content | CRC-32C of each block of 1 MiB of the content, 4 bytes each | content length (8) | CRC-32C of the
///     checksums and the length (4) | magic (8)
///
/// Numbers are little-endian. The magic names the kind of the file and the version of its format. A file that ends
/// early, or has one wrong bit, is refused.
package enum BlockFile {
  package static let blockBytes = 1 << 20
  private static let tailBytes = 20

  /// Opens a file and checks its form and every checksum.
  ///
  /// - Returns: the file, and the length of its content.
  /// - Throws: `StorageError`, with the code `.corrupt`, `.newer` or `.missing` when it can't be used.
  package static func open(_ disk: any Disk, _ name: String, magic: String) throws(StorageError)
    -> (file: MappedFile, content: Int)
  {
    let file = try disk.open(name)
    guard file.populate() else { throw StorageError(.corrupt, file: name, "some of its bytes can't be read") }
    return (file, try check(file, name: name, magic: magic))
  }

  /// Checks the form and every checksum.
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
        isSibling ? "a format of another release" : "its magic is not \(magic)")
    }
    guard let content = Int(exactly: file.uint64(at: tail)), content <= tail,
      (content + blockBytes - 1) / blockBytes * 4 == tail - content
    else { throw corrupt("its length is not the one that was written") }
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
