import Records

/// Decides which version of each document is visible, from the records of `rag.vectors` in log order. A value
/// without I/O: it returns the changes that the index must make, and what each record decided.
///
/// - The highest complete version is visible. If one version has two complete sets, the lower digest wins, in
///   whatever order their records come. An incomplete set is never visible.
/// - All parts of a version become visible in one step, in which the previous version disappears.
/// - A deletion is a version too. `failed` and `dropped` marks hide no older version.
/// - Of a mark and a complete set of one version, the one that is whole first in the log holds; what comes later is
///   dead.
package struct DocumentCatalog {
  /// The change that a record makes to the index.
  package struct Change {
    package var remove: SetID?
    /// The chunks of the version that leaves.
    package var removedChunks: UInt32 = 0
    package var insert: IndexedDocument?
  }

  /// The terminal state of a version, which one record decided.
  package struct Decision: Equatable, Sendable {
    /// A terminal state of the version, in the catalog's terms.
    package enum Outcome: Equatable, Sendable {
      /// All parts of the version are applied, and it is the visible one.
      case visible(chunkCount: UInt32)
      /// A newer version was visible or deleted before this one was whole, or a `dropped` mark was first.
      case superseded
      case deleted
      /// A `failed` mark was first.
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
  /// Whether entries are stored elsewhere.
  private let isStored: Bool
  /// Documents that changed since `takeChanges`.
  private var changed: Set<DocumentKey> = []
  /// Documents whose changes were taken and are being stored.
  private var storing: Set<DocumentKey> = []

  /// Documents of which a version is visible.
  package private(set) var visibleCount = 0
  /// The same by what read them; under nil those of former releases.
  package private(set) var visibleByReader: [ReaderVersion?: Int] = [:]

  /// A catalog that lies in memory as a whole.
  package init() { isStored = false }

  /// A catalog whose entries are stored elsewhere. Before any method is called for a document that it doesn't hold,
  /// `load` must be called with the document's stored entry.
  package init(visibleCount: Int, visibleByReader: [ReaderVersion?: Int]) {
    isStored = true
    self.visibleCount = visibleCount
    self.visibleByReader = visibleByReader
  }

  /// Whether the newest entry of the document is here, also when it became empty.
  package func holds(_ document: DocumentKey) -> Bool {
    !isStored || entries[document] != nil || changed.contains(document) || storing.contains(document)
  }

  package mutating func load(_ entry: CatalogEntry, of document: DocumentKey) { entries[document] = entry }

  /// Documents in memory.
  package var heldCount: Int { entries.count }

  /// Documents that changed since `takeChanges`.
  package var changedCount: Int { changed.count }

  /// The documents that changed, with their entries; nil where nothing is known any more. `endStoring` must follow.
  package mutating func takeChanges() -> [DocumentKey: CatalogEntry?] {
    storing = changed
    changed = []
    return Dictionary(uniqueKeysWithValues: storing.map { ($0, entries[$0]) })
  }

  /// The changes that were taken are stored, or could not be. Entries that have not changed since leave the memory.
  package mutating func endStoring(succeeded: Bool) {
    if succeeded { entries = entries.filter { changed.contains($0.key) } } else { changed.formUnion(storing) }
    storing = []
  }

  private mutating func note(_ document: DocumentKey) { if isStored { changed.insert(document) } }

  /// Applies a record with a value.
  ///
  /// - Returns: the change, and the terminal state of the record's version if this record decided it. A replay decides
  ///   the same at the same record.
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

  /// Applies a tombstone: the key has no value in the topic any more. The visible set stays, because its keys
  /// are not nulled while it is visible.
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
      // The first one of this version has decided.
      return (Change(), version == deleted ? nil : Decision(version: version, outcome: .superseded))
    }
    // The order of the log decides: a newer version is visible already.
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
    // The complete set was first.
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
    // A mark was first: its state is written already.
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

  /// True when the version's state does not depend on records that were left out: it or a newer one is visible or
  /// deleted, or a mark was first.
  package func isDecided(_ document: DocumentKey, _ version: Version) -> Bool {
    guard let entry = entries[document] else { return false }
    return entry.marked[version] != nil || entry.fence.map { version <= $0 } ?? false
  }

  /// The newest version of each document whose newest version ended as `failed`.
  package var failedVersions: [DocumentKey: Version] {
    entries.compactMapValues { entry in
      let fence = entry.fence
      return entry.marked.filter { version, mark in
        mark == .failed && (fence == nil || fence.map { version > $0 } == true)
      }.keys.max()
    }
  }

  /// Notes the key of a record that is not applied, because it can't be read here, so that it is nulled in time.
  package mutating func leave(_ key: VectorKey) {
    note(key.document)
    entries[key.document, default: CatalogEntry()].unreadKeys.insert(key)
  }

  /// The keys to null: those of versions older than the visible one or than a deletion, `failed` and
  /// `dropped` marks of that version itself, other chunkings of the visible version with a higher digest, and the
  /// chunks of versions that a mark took.
  package func deadKeys(of document: DocumentKey) -> [VectorKey] {
    guard let entry = entries[document] else { return [] }
    // Not those of the visible version: another index may show them.
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
