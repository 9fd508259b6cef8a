import Catalog
import Records
import Segments
import Storage

/// Checks a stored index: every checksum, and that its catalog and its segments agree.
package struct IndexVerification: Sendable {
  package private(set) var manifest: Manifest
  package private(set) var documents = 0
  package private(set) var rows = 0
  package private(set) var bytes = 0
  /// The first hundred contradictions that were found.
  package private(set) var problems: [String] = []

  private mutating func report(_ problem: String) { if problems.count < 100 { problems.append(problem) } }

  /// Reads and checks the whole index. The memory that this takes grows with the number of documents.
  ///
  /// - Throws: `StorageError` when a file is missing or damaged.
  package init(_ disk: any Disk, _ manifest: Manifest) throws {
    self.manifest = manifest
    var known: Set<DocumentKey> = []
    var visible: [DocumentKey: CatalogEntry] = [:]
    for id in manifest.tables.reversed() {
      let table = try CatalogTable(disk, id: id)
      bytes += table.byteCount
      try table.forEach { document, entry in
        guard known.insert(document).inserted, let entry, entry.visible != nil else { return }
        visible[document] = entry
      }
    }
    documents = visible.count
    if documents != manifest.visibleCount {
      report("\(documents) documents are visible, but the manifest says \(manifest.visibleCount)")
    }
    let live = manifest.partitions.values.reduce(LiveDigest()) { $0 + $1.live }
    var found = LiveDigest()
    for (document, entry) in visible {
      if let set = entry.visible { found.add(document, set.version, chunks: Int(entry.visibleChunks)) }
    }
    if found != live {
      report("the digest of visible documents is \(found.description), but should be \(live.description)")
    }
    for part in manifest.parts {
      let segment = try Segment(disk, id: part.segment)
      bytes += segment.byteCount
      var removed = Bitmap(capacity: segment.documentCount)
      if let number = part.removed {
        removed = try RemovedDocuments.read(
          disk, segment: part.segment, number: number, documentCount: segment.documentCount)
      }
      for document in 0..<segment.documentCount where !removed.contains(document) {
        let facts = try segment.properties(of: document)
        for bytes in try segment.chunks(of: document) {
          do { _ = try Chunk(messageBytes: bytes) } catch {
            throw StorageError(.corrupt, file: segment.name, "a chunk of \(facts.info.key): \(error)")
          }
        }
        guard let entry = visible.removeValue(forKey: facts.info.key), entry.visible == facts.set else {
          report("\(segment.name) shows \(facts.info.key) \(facts.info.version), which the catalog does not")
          continue
        }
        rows += segment.rowCount(of: document)
      }
    }
    // Documents without chunks have no rows. Neither have expired documents, after a checkpoint or a merge.
    for (document, entry) in visible where entry.visibleChunks > 0 {
      missing.append((document, entry.visibleChunks))
    }
  }

  /// Visible documents that have chunks but no rows: they have expired, or the index is damaged.
  package private(set) var missing: [(document: DocumentKey, chunks: UInt32)] = []
}
