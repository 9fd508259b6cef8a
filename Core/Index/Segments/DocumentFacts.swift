import Catalog
import Records
import Storage

/// What a segment stores once for each document: its properties without the access list, and its set.
package struct DocumentFacts: Sendable {
  package var info: DocumentInfo
  package var set: SetID

  package init(_ document: IndexedDocument) {
    info = document.info
    info.acl = nil  // hashed, in a table of its own
    set = document.set
  }

  package var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.data(set.digest)
    writer.data(info.wireBytes)
    return writer.bytes
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  package init(bytes: [UInt8], file: String) throws(StorageError) {
    var reader = ByteReader(bytes, file: file)
    let digest = try reader.data()
    let wire = try reader.data()
    do { info = try DocumentInfo(wireBytes: wire) } catch {
      throw StorageError(.corrupt, file: file, "a document's properties: \(error)")
    }
    set = SetID(version: info.version, digest: digest)
  }
}
