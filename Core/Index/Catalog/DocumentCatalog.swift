import Records

/// Decides which version of each document is visible, from the records of `rag.vectors` in log order. A value
/// without I/O: it returns the changes that the index must make.
///
/// - The highest complete version is visible. If one version has two complete sets, the lower digest wins, in
///   whatever order their records come. An incomplete set is never visible.
/// - All parts of a version become visible in one step, in which the previous version disappears.
/// - A deletion is a version too. `failed` and `dropped` marks hide no older version.
package struct DocumentCatalog {
  /// The change that a record makes to the index.
  package struct Change {
    package var remove: SetID?
    package var insert: [IndexRow] = []
  }

  /// The state of one version, from which the reporter makes its terminal state.
  package enum Verdict: Equatable, Sendable {
    /// All parts of the version are applied, and it is the visible one.
    case visible(chunkCount: UInt32)
    /// A newer version is visible, or a newer deletion was applied.
    case superseded
    case deleted
    /// The version is not complete, and has a `failed` or `dropped` mark.
    case marked(Mark, RecordError?)
    case pending
  }

  private struct PartialSet {
    var partCount: UInt32
    var parts: [UInt32: [IndexRow]] = [:]
  }

  private struct Entry {
    var visible: SetID?
    var visibleChunks: UInt32 = 0
    var deletedAt: Version?
    var sets: [SetID: PartialSet] = [:]
    var marks: [Version: (Mark, RecordError?)] = [:]
    /// Every key whose newest record in the topic has a value.
    var keys: Set<VectorKey> = []

    var fence: Version? { [visible?.version, deletedAt].compactMap { $0 }.max() }
  }

  private var entries: [DocumentKey: Entry] = [:]

  package init() {}

  package var visibleCount: Int { entries.values.count { $0.visible != nil } }

  /// Applies a record with a value.
  package mutating func apply(_ key: VectorKey, _ batch: VectorBatch) -> Change {
    var entry = entries[key.document] ?? Entry()
    defer { entries[key.document] = entry }
    entry.keys.insert(key)
    switch batch.content {
    case .mark(.deleted, _, _): return delete(key.version, &entry)
    case .mark(let mark, _, let error):
      entry.marks[key.version] = (mark, error)
      return Change()
    case .vectors(let chunks, let dimension, let values):
      return add(key, batch.header, chunks, dimension, values, &entry)
    }
  }

  /// Applies a tombstone: the key has no value in the topic any more. The visible set stays, because its keys
  /// are not nulled while it is visible.
  package mutating func forget(_ key: VectorKey) {
    guard var entry = entries[key.document] else { return }
    entry.keys.remove(key)
    switch key.set {
    case .mark: entry.marks[key.version] = nil
    case .chunks:
      for set in entry.sets.keys where set.version == key.version && set != entry.visible {
        if entry.keys.contains(where: { $0.version == key.version && $0.set == key.set }) { continue }
        if PartHeader.hex(set.digest) == digestText(key) { entry.sets[set] = nil }
      }
    }
    let isEmpty = entry.keys.isEmpty && entry.visible == nil
    entries[key.document] = isEmpty ? nil : entry
  }

  private func digestText(_ key: VectorKey) -> String {
    if case .chunks(let digest) = key.set { digest } else { "" }
  }

  private func delete(_ version: Version, _ entry: inout Entry) -> Change {
    guard entry.deletedAt.map({ version > $0 }) ?? true else { return Change() }
    entry.deletedAt = version
    entry.sets = entry.sets.filter { $0.key.version > version }
    guard let visible = entry.visible, visible.version < version else { return Change() }
    entry.visible = nil
    return Change(remove: visible)
  }

  private func add(
    _ key: VectorKey, _ header: PartHeader, _ chunks: [Chunk], _ dimension: Int, _ values: [Float],
    _ entry: inout Entry
  ) -> Change {
    if let fence = entry.fence, key.version < fence { return Change() }
    if let deleted = entry.deletedAt, key.version <= deleted { return Change() }
    let set = SetID(version: key.version, digest: header.digest)
    if entry.visible == set { return Change() }
    if let visible = entry.visible, visible.version == key.version,
      !set.digest.lexicographicallyPrecedes(visible.digest)
    {
      return Change()
    }
    var partial = entry.sets[set] ?? PartialSet(partCount: header.partCount)
    partial.parts[header.part] = chunks.enumerated().map { index, chunk in
      IndexRow(
        document: header.document, set: set, chunk: chunk,
        vector: Array(values[index * dimension..<(index + 1) * dimension]))
    }
    guard (0..<partial.partCount).allSatisfy({ partial.parts[$0] != nil }), partial.partCount > 0 else {
      entry.sets[set] = partial
      return Change()
    }
    let change = Change(
      remove: entry.visible, insert: (0..<partial.partCount).flatMap { partial.parts[$0] ?? [] })
    entry.visible = set
    entry.visibleChunks = header.chunkCount
    entry.sets = entry.sets.filter {
      $0.key.version > key.version || ($0.key.version == key.version && $0.key != set)
    }
    return change
  }

  /// The current state of a version.
  package func verdict(on document: DocumentKey, _ version: Version) -> Verdict {
    guard let entry = entries[document] else { return .pending }
    if entry.visible?.version == version { return .visible(chunkCount: entry.visibleChunks) }
    if entry.deletedAt == version { return .deleted }
    if let fence = entry.fence, version < fence { return .superseded }
    if let (mark, error) = entry.marks[version] { return .marked(mark, error) }
    return .pending
  }

  /// The keys to null: those of versions older than the visible one or than a deletion, `failed` and
  /// `dropped` marks of that version itself, and other chunkings of the visible version with a higher digest.
  package func deadKeys(of document: DocumentKey) -> [VectorKey] {
    guard let entry = entries[document], let fence = entry.fence else { return [] }
    return entry.keys.filter { key in
      switch key.set {
      // A deletion mark stays: an old chunk may still arrive later, and must not become visible again.
      case .mark(.deleted): false
      case .mark: key.version <= fence
      case .chunks(let digest):
        key.version < fence
          || (key.version == entry.visible?.version
            && PartHeader.hex(entry.visible?.digest ?? []) < digest)
      }
    }.sorted { $0.description < $1.description }
  }
}
