import Records

/// The versions of one partition that have no terminal state yet, from the status topic. A value.
///
/// A version that is not open has its state: `accepted` lies before every other record of a version, and what is read
/// begins at the oldest open version.
package struct OpenVersions {
  private struct Version {
    var operation: StatusRecord.Operation
    var statusOffset: Int64
  }

  private var documents: [DocumentKey: [Records.Version: Version]] = [:]
  /// In the order of the status topic; versions that are finished are dropped when they come first.
  private var order: [(statusOffset: Int64, document: DocumentKey, version: Records.Version)] = []
  private var first = 0
  /// Of the versions with an event, the one that was accepted last.
  private var highest: Records.Version?
  /// The newest versions that have an event, in the order of their first one. An `accepted` of one of them repeats an
  /// earlier one, and opens nothing.
  private var recent: [Records.Version] = []
  private var recentSet: Set<Records.Version> = []
  /// Whether a version was accepted among the events that were read. Before that, nothing tells a repeat of an event
  /// that was not read.
  private var hasAccepted = false
  /// Records before it only tell the newest version.
  private let start: Int64
  /// One past the last record that was applied.
  private var nextOffset: Int64
  /// Versions whose states were acknowledged before their events were read here.
  private var finished: [DocumentKey: Set<Records.Version>] = [:]

  /// So many records are read before the oldest open version, to know the newest accepted one.
  package static let readBefore: Int64 = 1000
  private static let recentMax = 2000
  /// `accepted` is written in the order of the versions, except where the first of a batch had to be sent again: at
  /// most so many versions of the batch lie before it then.
  private static let disorderMax = 256

  /// - Parameter start: the status offset of the oldest version that was open.
  package init(start: Int64) {
    self.start = start
    nextOffset = start
  }

  /// The offset from which the next owner must read: that of the oldest version that has no acknowledged state.
  package var oldestOffset: Int64 { first < order.count ? order[first].statusOffset : nextOffset }
  /// Versions that were finished before their events were read.
  var finishedCount: Int { finished.values.reduce(0) { $0 + $1.count } }
  package var count: Int { documents.values.reduce(0) { $0 + $1.count } }

  package mutating func apply(_ status: StatusRecord, offset: Int64) {
    nextOffset = max(nextOffset, offset + 1)
    guard let document = status.document, let version = status.version else { return }
    let isRepeat = isRepeat(version)
    if highest.map({ $0.wasAccepted(before: version) }) ?? true { highest = version }
    note(version)
    if status.state == .accepted {
      if !isRepeat { hasAccepted = true }
      guard !isRepeat, offset >= start, finished[document]?.contains(version) != true else { return }
      documents[document, default: [:]][version] = Version(operation: status.operation, statusOffset: offset)
      order.append((offset, document, version))
    } else {
      close(document, version)
      finished[document]?.remove(version)
      if finished[document]?.isEmpty == true { finished[document] = nil }
    }
  }

  /// Whether `accepted` of this version repeats one that was read, or that lies before what was read.
  private func isRepeat(_ version: Records.Version) -> Bool {
    guard let highest, !highest.wasAccepted(before: version) else { return false }
    guard !recentSet.contains(version), hasAccepted, highest.epoch == version.epoch else { return true }
    // By their number, not by their offsets: compaction leaves gaps.
    return recent.count { version.wasAccepted(before: $0) } > Self.disorderMax
  }

  private mutating func note(_ version: Records.Version) {
    guard recentSet.insert(version).inserted else { return }
    recent.append(version)
    guard recent.count >= 2 * Self.recentMax else { return }
    for old in recent.prefix(Self.recentMax) { recentSet.remove(old) }
    recent.removeFirst(Self.recentMax)
  }

  /// Gaps hold no record but move the position.
  package mutating func advance(to offset: Int64) { nextOffset = max(nextOffset, offset) }

  /// The operation of an open version; nil when it has its state.
  package func operation(_ document: DocumentKey, _ version: Records.Version) -> StatusRecord.Operation? {
    documents[document]?[version]?.operation
  }

  package func isKnown(_ document: DocumentKey, _ version: Records.Version) -> Bool {
    documents[document]?[version] != nil
  }

  /// Open versions below `version`, oldest first.
  package func open(_ document: DocumentKey, below version: Records.Version) -> [(
    Records.Version, StatusRecord.Operation
  )] {
    (documents[document] ?? [:]).filter { $0.key < version }.sorted { $0.key < $1.key }
      .map {
        ($0.key, $0.value.operation)
      }
  }

  /// The version's state is acknowledged. Its events may not be read yet: they will open nothing.
  package mutating func finish(_ document: DocumentKey, _ version: Records.Version) {
    if isKnown(document, version) {
      close(document, version)
    } else if !recentSet.contains(version) {
      finished[document, default: []].insert(version)
    }
  }

  private mutating func close(_ document: DocumentKey, _ version: Records.Version) {
    guard documents[document]?.removeValue(forKey: version) != nil else { return }
    if documents[document]?.isEmpty == true { documents[document] = nil }
    while first < order.count, documents[order[first].document]?[order[first].version] == nil { first += 1 }
    if first == order.count || first >= 4096 {
      order.removeFirst(first)
      first = 0
    }
  }
}
