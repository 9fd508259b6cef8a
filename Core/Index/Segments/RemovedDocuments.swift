import Storage

/// The file that names a segment's removed documents. Content of the `BlockFile`: their number, then the words of the
/// bitmap, 8 bytes each, little-endian.
package enum RemovedDocuments {
  private static let magic = "MLRDEL01"

  package static func name(_ segment: Int, _ number: Int) -> String {
    "removed-\(Numbered.text(segment))-\(Numbered.text(number))"
  }

  /// - Throws: `StorageError`.
  package static func write(_ bitmap: Bitmap, to disk: any Disk, segment: Int, number: Int)
    throws(StorageError)
  {
    let file = try BlockFileWriter(disk, name(segment, number), magic: magic)
    defer { file.abandon() }
    var writer = ByteWriter()
    writer.uint64(UInt64(bitmap.count))
    for word in bitmap.words { writer.uint64(word) }
    try file.append(writer.bytes)
    _ = try file.finish()
  }

  /// - Throws: `StorageError` when the file is missing or corrupt.
  package static func read(_ disk: any Disk, segment: Int, number: Int, documentCount: Int)
    throws(StorageError) -> Bitmap
  {
    let name = name(segment, number)
    let (file, content) = try BlockFile.open(disk, name, magic: magic)
    let wordCount = (documentCount + 63) / 64
    guard content == 8 + wordCount * 8 else {
      throw StorageError(.corrupt, file: name, "its size is not that for \(documentCount) documents")
    }
    let bitmap = Bitmap(words: (0..<wordCount).map { file.uint64(at: 8 + $0 * 8) })
    guard UInt64(bitmap.count) == file.uint64(at: 0),
      documentCount % 64 == 0 || (bitmap.words.last ?? 0) >> UInt64(documentCount % 64) == 0
    else { throw StorageError(.corrupt, file: name, "its bitmap does not fit its number of documents") }
    return bitmap
  }
}
