import Records

/// Which versions of documents are open and which have a terminal state, from the status topic. A value.
///
/// A version below the highest `indexed` or `deleted` one that is not open is finished, since `accepted` of a
/// version lies before every state of a later one: so only what is open, and what is finished above, is kept.
struct VersionStates {
  struct Entry {
    var open: [Version: StatusRecord.Operation] = [:]
    var finishedAbove: Set<Version> = []
    var highest: Version?
  }

  private(set) var entries: [DocumentKey: Entry] = [:]

  mutating func apply(_ status: StatusRecord) {
    guard let document = status.document, let version = status.version else { return }
    var entry = entries[document] ?? Entry()
    if status.state == .accepted {
      // A repeat of `accepted` after a crash must not open a finished version again.
      if !isFinished(version, entry) { entry.open[version] = status.operation }
    } else {
      entry.open[version] = nil
      entry.finishedAbove.insert(version)
      if status.state == .indexed || status.state == .deleted {
        entry.highest = max(entry.highest ?? version, version)
      }
      if let highest = entry.highest { entry.finishedAbove = entry.finishedAbove.filter { $0 > highest } }
    }
    entries[document] = entry
  }

  func isFinished(_ document: DocumentKey, _ version: Version) -> Bool {
    guard let entry = entries[document] else { return false }
    return isFinished(version, entry)
  }

  private func isFinished(_ version: Version, _ entry: Entry) -> Bool {
    if entry.finishedAbove.contains(version) { return true }
    guard let highest = entry.highest else { return false }
    return version == highest || (version < highest && entry.open[version] == nil)
  }

  /// Open versions below `version`, oldest first.
  func open(_ document: DocumentKey, below version: Version) -> [(Version, StatusRecord.Operation)] {
    (entries[document]?.open ?? [:]).filter { $0.key < version }.sorted { $0.key < $1.key }.map {
      ($0.key, $0.value)
    }
  }

  func operation(_ document: DocumentKey, _ version: Version) -> StatusRecord.Operation? {
    entries[document]?.open[version]
  }
}
