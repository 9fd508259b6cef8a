import Records

/// What the catalog knows about one document.
package struct CatalogEntry: Sendable, Equatable {
  /// The parts of one chunking of a version that were applied so far.
  package struct PartialSet: Sendable, Equatable {
    package var partCount: UInt32
    package var parts: [UInt32: VectorBatch] = [:]

    package init(partCount: UInt32, parts: [UInt32: VectorBatch] = [:]) {
      self.partCount = partCount
      self.parts = parts
    }

    var isComplete: Bool {
      partCount > 0 && parts.count >= Int(partCount) && (0..<partCount).allSatisfy { parts[$0] != nil }
    }

    /// The document with the chunks and vectors of all parts, in the order of the parts.
    func document(_ set: SetID, _ info: DocumentInfo) -> IndexedDocument {
      var document = IndexedDocument(info: info, set: set, chunks: [], vectors: [])
      for number in 0..<partCount {
        guard case .vectors(let chunks, _, let values) = parts[number]?.content else { continue }
        document.chunks += chunks
        document.vectors += values
      }
      return document
    }
  }

  package var visible: SetID?
  package var visibleChunks: UInt32 = 0
  package var visibleReader: ReaderVersion?
  package var deletedAt: Version?
  package var sets: [SetID: PartialSet] = [:]
  /// Versions above the fence for which a `failed` or `dropped` mark came before all their parts, with the first mark.
  package var marked: [Version: Mark] = [:]
  /// Every key whose newest record in the topic has a value.
  package var keys: Set<VectorKey> = []
  /// Keys of records that this worker can't read.
  package var unreadKeys: Set<VectorKey> = []

  package init() {}

  /// The newest version that is visible or deleted: no older version can become visible.
  package var fence: Version? { [visible?.version, deletedAt].compactMap { $0 }.max() }

  /// Drops the incomplete sets and the marks that can no longer change what is visible.
  mutating func prune() {
    guard let fence else { return }
    sets = sets.filter { set in
      if let visible, set.key.version == visible.version, visible.version == fence {
        return set.key.digest.lexicographicallyPrecedes(visible.digest)
      }
      return set.key.version > fence
    }
    marked = marked.filter { $0.key > fence }
  }

  var isEmpty: Bool { keys.isEmpty && unreadKeys.isEmpty && visible == nil }
}
