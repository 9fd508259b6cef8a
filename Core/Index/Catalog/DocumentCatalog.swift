import Records

/// Decides which version of each document is visible, from the records of `rag.vectors` in log order. A value
/// without I/O: it returns the changes that the index must make, and what each record decided.
///
/// - The highest complete version is visible. If one version has two complete sets, the lower digest wins, in
///   whatever order their records come. An incomplete set is never visible.
/// - All parts of a version become visible in one step, in which the previous version disappears.
/// - A deletion is a version too. `failed` and `dropped` marks hide no older version.
/// - If a version has both a mark and a complete set, the one that is complete first in the log decides. The other one
///   has no effect.
package struct DocumentCatalog {
  /// The change that a record makes to the index.
  package struct Change {
    package var remove: SetID?
    /// The number of chunks of the removed version.
    package var removedChunks: UInt32 = 0
    package var insert: IndexedDocument?
  }

  /// The terminal state of a version, decided by one record.
  package struct Decision: Equatable, Sendable {
    /// A terminal state of the version, in the catalog's terms.
    package enum Outcome: Equatable, Sendable {
      /// All parts of the version are applied, and it is the visible one.
      case visible(chunkCount: UInt32)
      /// A newer version was visible or deleted before this one was complete, or a `dropped` mark came first.
      case superseded
      case deleted
      /// A `failed` mark came first.
      case failed(RecordError?)
    }

    package var version: Version
    package var outcome: Outcome

    package init(version: Version, outcome: Outcome) {
      self.version = version
      self.outcome = outcome
    }
  }

  private var entries: [DocumentKey: CatalogEntry] = [:]
  /// Whether entries are stored outside this value, so that unchanged ones needn't stay in memory.
  private let isStored: Bool
  /// Documents that changed since `takeChanges`.
  private var changed: Set<DocumentKey> = []
  /// Documents whose changes were taken and are being stored.
  private var storing: Set<DocumentKey> = []

  /// The number of documents that have a visible version.
  package private(set) var visibleCount = 0
  /// The same number by reader version; nil stands for documents of releases that did not name the reader.
  package private(set) var visibleByReader: [ReaderVersion?: Int] = [:]

  /// A catalog that is held in memory completely.
  package init() { isStored = false }

  /// A catalog whose entries are stored outside it. Before any method is called for a document that it doesn't hold,
  /// `load` must be called with the document's stored entry.
  package init(visibleCount: Int, visibleByReader: [ReaderVersion?: Int]) {
    isStored = true
    self.visibleCount = visibleCount
    self.visibleByReader = visibleByReader
  }

  /// Whether the newest state of the document is in memory. A document whose entry became empty counts until the change
  /// is stored.
  package func holds(_ document: DocumentKey) -> Bool {
    !isStored || entries[document] != nil || changed.contains(document) || storing.contains(document)
  }

  package mutating func load(_ entry: CatalogEntry, of document: DocumentKey) { entries[document] = entry }

  /// The number of entries in memory.
  package var heldCount: Int { entries.count }

  /// The number of documents that changed since `takeChanges`.
  package var changedCount: Int { changed.count }

  /// Takes the documents that changed, with their entries; nil for an entry that became empty. `endStoring` must
  /// follow.
  package mutating func takeChanges() -> [DocumentKey: CatalogEntry?] {
    storing = changed
    changed = []
    return Dictionary(uniqueKeysWithValues: storing.map { ($0, entries[$0]) })
  }

  /// Ends what `takeChanges` began. After a success all entries that have not changed since are dropped from memory;
  /// after a failure the next `takeChanges` takes the same changes again.
  package mutating func endStoring(succeeded: Bool) {
    if succeeded { entries = entries.filter { changed.contains($0.key) } } else { changed.formUnion(storing) }
    storing = []
  }

  private mutating func note(_ document: DocumentKey) { if isStored { changed.insert(document) } }

  /// Applies a record with a value.
  ///
  /// - Returns: the change, and the terminal state of the record's version if this record decides or repeats it. A
  ///   replay returns the same for the same record.
  package mutating func apply(_ key: VectorKey, _ batch: VectorBatch) -> (change: Change, decision: Decision?)
  {
    var entry = entries.removeValue(forKey: key.document) ?? CatalogEntry()
    let (wasVisible, reader) = (entry.visible != nil, entry.visibleReader)
    defer {
      visibleCount += (entry.visible != nil ? 1 : 0) - (wasVisible ? 1 : 0)
      if wasVisible { visibleByReader[reader, default: 0] -= 1 }
      if entry.visible != nil { visibleByReader[entry.visibleReader, default: 0] += 1 }
      entries[key.document] = entry
      note(key.document)
    }
    entry.keys.insert(key)
    switch batch.content {
    case .mark(.deleted, _, _): return delete(key.version, &entry)
    case .mark(let mark, _, let error): return (Change(), self.mark(key.version, mark, error, &entry))
    case .vectors: return add(key, batch, &entry)
    }
  }

  /// Applies a tombstone: the key no longer has a value in the topic. The visible set stays, because its keys get no
  /// tombstones while it is visible.
  package mutating func forget(_ key: VectorKey) {
    guard var entry = entries.removeValue(forKey: key.document) else { return }
    note(key.document)
    entry.keys.remove(key)
    entry.unreadKeys.remove(key)
    switch key.set {
    case .mark: entry.marked[key.version] = nil
    case .chunks(let digest):
      for set in entry.sets.keys where set.version == key.version && set != entry.visible {
        if entry.keys.contains(where: { $0.version == key.version && $0.set == key.set }) { continue }
        if PartHeader.hex(set.digest) == digest { entry.sets[set] = nil }
      }
    }
    if !entry.isEmpty { entries[key.document] = entry }
  }

  private func delete(_ version: Version, _ entry: inout CatalogEntry) -> (Change, Decision?) {
    if let deleted = entry.deletedAt, version <= deleted {
      // An earlier deletion mark of the same version has decided.
      return (Change(), version == deleted ? nil : Decision(version: version, outcome: .superseded))
    }
    // A newer version is visible already, so this deletion hides nothing.
    if let visible = entry.visible, visible.version > version {
      entry.deletedAt = version
      entry.prune()
      return (Change(), Decision(version: version, outcome: .superseded))
    }
    entry.deletedAt = version
    defer { entry.prune() }
    guard let visible = entry.visible, visible.version < version else {
      return (Change(), Decision(version: version, outcome: .deleted))
    }
    entry.visible = nil
    return (
      Change(remove: visible, removedChunks: entry.visibleChunks),
      Decision(version: version, outcome: .deleted)
    )
  }

  private func mark(_ version: Version, _ mark: Mark, _ error: RecordError?, _ entry: inout CatalogEntry)
    -> Decision
  {
    // The complete set came first.
    if entry.visible?.version == version {
      return Decision(version: version, outcome: .visible(chunkCount: entry.visibleChunks))
    }
    if let fence = entry.fence, version <= fence { return Decision(version: version, outcome: .superseded) }
    let first = entry.marked[version] ?? mark
    entry.marked[version] = first
    entry.sets = entry.sets.filter { $0.key.version != version }
    return Decision(version: version, outcome: first == .dropped ? .superseded : .failed(error))
  }

  private func add(_ key: VectorKey, _ batch: VectorBatch, _ entry: inout CatalogEntry) -> (Change, Decision?)
  {
    let header = batch.header
    let version = key.version
    let set = SetID(version: version, digest: header.digest)
    if entry.visible == set {
      return (Change(), Decision(version: version, outcome: .visible(chunkCount: entry.visibleChunks)))
    }
    if let visible = entry.visible, visible.version == version,
      !set.digest.lexicographicallyPrecedes(visible.digest)
    {
      return (Change(), Decision(version: version, outcome: .visible(chunkCount: entry.visibleChunks)))
    }
    if let fence = entry.fence, version < fence || version == entry.deletedAt {
      return (Change(), Decision(version: version, outcome: .superseded))
    }
    // A mark came first and has decided the version's state.
    if entry.marked[version] != nil { return (Change(), nil) }
    var partial = entry.sets.removeValue(forKey: set) ?? CatalogEntry.PartialSet(partCount: header.partCount)
    partial.parts[header.part] = batch
    guard partial.isComplete else {
      entry.sets[set] = partial
      return (Change(), nil)
    }
    let change = Change(
      remove: entry.visible, removedChunks: entry.visible == nil ? 0 : entry.visibleChunks,
      insert: partial.document(set, header.document))
    entry.visible = set
    entry.visibleChunks = header.chunkCount
    entry.visibleReader = header.document.reader
    entry.sets[set] = nil
    entry.prune()
    return (change, Decision(version: version, outcome: .visible(chunkCount: header.chunkCount)))
  }

  /// True when records that could not be read can't change the version's state: this version or a newer one is visible
  /// or deleted, or a mark came first.
  package func isDecided(_ document: DocumentKey, _ version: Version) -> Bool {
    guard let entry = entries[document] else { return false }
    return entry.marked[version] != nil || entry.fence.map { version <= $0 } ?? false
  }

  /// The newest `failed` version of each document, if it is newer than the visible version and the last deletion.
  package var failedVersions: [DocumentKey: Version] {
    entries.compactMapValues { entry in
      let fence = entry.fence
      return entry.marked.filter { version, mark in
        mark == .failed && (fence == nil || fence.map { version > $0 } == true)
      }.keys.max()
    }
  }

  /// Notes the key of a record that is not applied because this worker can't read it. The key gets a tombstone when the
  /// record becomes obsolete.
  package mutating func leave(_ key: VectorKey) {
    note(key.document)
    entries[key.document, default: CatalogEntry()].unreadKeys.insert(key)
  }

  /// The keys that need tombstones: those of versions older than the visible one or than a deletion, the chunks of the
  /// deleted version, `failed` and `dropped` marks up to that version, chunkings of the visible version with a higher
  /// digest, and the chunks of versions that a `failed` or `dropped` mark decided.
  package func deadKeys(of document: DocumentKey) -> [VectorKey] {
    guard let entry = entries[document] else { return [] }
    // Unread keys of the visible version stay: another worker may be able to read and show their records.
    let unread = entry.unreadKeys.filter { key in
      entry.fence.map { key.version < $0 } ?? false || key.version == entry.deletedAt
    }
    let dead = entry.keys.filter { key in
      switch key.set {
      // A deletion mark stays: an old chunk may still arrive later, and must not become visible again.
      case .mark(.deleted): return false
      case .mark: return entry.fence.map { key.version <= $0 } ?? false
      case .chunks(let digest):
        if entry.marked[key.version] != nil { return true }
        guard let fence = entry.fence else { return false }
        return key.version < fence || key.version == entry.deletedAt
          || (key.version == entry.visible?.version
            && PartHeader.hex(entry.visible?.digest ?? []) < digest)
      }
    }
    return dead.union(unread).sorted { $0.description < $1.description }
  }
}
