import Catalog
import Records
import Storage

/// The stored form of an entry. Versions are three varints (epoch, offset, reading), parts are `VectorBatch` messages.
/// Keys are stored without their document, which the `CatalogTable` names before the entry.
extension CatalogEntry {
  var storedBytes: [UInt8] {
    var writer = ByteWriter()
    writer.bool(visible != nil)
    if let visible {
      writer.version(visible.version)
      writer.data(visible.digest)
      writer.count(Int(visibleChunks))
      writer.string(visibleReader?.description ?? "")
    }
    writer.bool(deletedAt != nil)
    if let deletedAt { writer.version(deletedAt) }
    writer.count(sets.count)
    for (set, partial) in sets.sorted(by: { $0.key.version < $1.key.version }) {
      writer.version(set.version)
      writer.data(set.digest)
      writer.count(Int(partial.partCount))
      writer.count(partial.parts.count)
      for (number, part) in partial.parts.sorted(by: { $0.key < $1.key }) {
        writer.varint(UInt64(number))
        writer.data(part.wireBytes)
      }
    }
    writer.count(marked.count)
    for (version, mark) in marked.sorted(by: { $0.key < $1.key }) {
      writer.version(version)
      writer.string(mark.rawValue)
    }
    for keys in [keys, unreadKeys] {
      writer.count(keys.count)
      for key in keys.sorted(by: { $0.description < $1.description }) {
        writer.version(key.version)
        switch key.set {
        case .mark(let mark):
          writer.bool(true)
          writer.string(mark.rawValue)
        case .chunks(let digest):
          writer.bool(false)
          writer.string(digest)
        }
        writer.varint(UInt64(key.part))
      }
    }
    return writer.bytes
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  init(storedBytes: [UInt8], of document: DocumentKey, file: String) throws(StorageError) {
    self.init()
    var reader = ByteReader(storedBytes, file: file)
    if try reader.bool() {
      visible = SetID(version: try reader.version(), digest: try reader.data())
      visibleChunks = try reader.small()
      visibleReader = ReaderVersion(try reader.string())
    }
    if try reader.bool() { deletedAt = try reader.version() }
    for _ in 0..<(try reader.count()) {
      let set = SetID(version: try reader.version(), digest: try reader.data())
      var partial = PartialSet(partCount: try reader.small())
      for _ in 0..<(try reader.count()) {
        let number = try reader.small()
        let bytes = try reader.data()
        do { partial.parts[number] = try VectorBatch(wireBytes: bytes) } catch {
          throw reader.corrupt("a part can't be read (\(error))")
        }
      }
      sets[set] = partial
    }
    for _ in 0..<(try reader.count()) {
      let version = try reader.version()
      guard let mark = Mark(rawValue: try reader.string()) else { throw reader.corrupt("an unknown mark") }
      marked[version] = mark
    }
    keys = try Self.keys(&reader, document)
    unreadKeys = try Self.keys(&reader, document)
    guard reader.isAtEnd else { throw reader.corrupt("bytes behind an entry") }
  }

  private static func keys(_ reader: inout ByteReader, _ document: DocumentKey) throws(StorageError) -> Set<
    VectorKey
  > {
    var keys: Set<VectorKey> = []
    for _ in 0..<(try reader.count()) {
      let version = try reader.version()
      let set: VectorKey.Set
      if try reader.bool() {
        guard let mark = Mark(rawValue: try reader.string()) else { throw reader.corrupt("an unknown mark") }
        set = .mark(mark)
      } else {
        set = .chunks(digest: try reader.string())
      }
      keys.insert(VectorKey(document: document, version: version, set: set, part: try reader.small()))
    }
    return keys
  }
}
