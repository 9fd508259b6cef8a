extension Disk {
  /// Copies a finished file to another disk. The copy's bytes are durable, its name only after `syncNames`. The
  /// original may be removed while it is copied.
  ///
  /// - Parameter new: the name of the copy; nil for the same name.
  /// - Throws: `StorageError`; with the code `.missing` when the file does not exist.
  package func copy(_ name: String, to other: any Disk, as new: String? = nil) throws(StorageError) {
    let source = try open(name)
    guard source.populate() else {
      throw StorageError(.corrupt, file: name, "some of its bytes can't be read")
    }
    let target = try other.create(new ?? name)
    defer { target.close() }
    for start in stride(from: 0, to: source.byteCount, by: BlockFile.blockBytes) {
      try target.append(
        source.bytes(at: start, count: min(BlockFile.blockBytes, source.byteCount - start)))
    }
    try target.sync()
  }
}
