import Cryptography
import Records

/// The documents that `documents sync` must put and delete, so that the documents of a source match a folder.
package struct SyncPlan: Sendable {
  package var new: [DocumentRecord] = []
  package var changed: [DocumentRecord] = []
  package var unchangedCount = 0
  package var removed: [DocumentKey] = []
  /// Ids of documents that belong to another source. They are left alone, so that two folders do not
  /// overwrite each other's documents. A document without a source is taken over.
  package var foreign: [DocumentID] = []

  /// - Parameters:
  ///   - wanted: the folder's documents.
  ///   - rows: the tenant's existing documents, of every source.
  package init(wanted: [DocumentRecord], rows: [DocumentReader.Row], source: String) {
    let known = Dictionary(rows.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
    for document in wanted {
      switch known[document.key] {
      case nil: new.append(document)
      case let row? where !row.source.isEmpty && row.source != source && !row.digest.isEmpty:
        foreign.append(document.id)
      // A failed document is put again: the failure may have been the machine's, not the document's.
      case let row? where row.state == .reached(.failed): changed.append(document)
      case let row? where row.digest == SHA256.digest(document.json.bytes): unchangedCount += 1
      case _?: changed.append(document)
      }
    }
    let names = Set(wanted.map(\.key))
    removed = rows.filter { $0.source == source && !$0.digest.isEmpty && !names.contains($0.key) }.map(
      \.key)
  }

  package var summary: String {
    "\(new.count) new, \(changed.count) changed, \(unchangedCount) unchanged, \(removed.count) deleted"
  }
}
