import Records

/// The versions of one partition that have no terminal state yet, from the status topic. A value.
///
/// A version that is not open has its terminal state: `accepted` comes before every other event of its version, and
/// reading begins at the oldest open version.
package struct OpenVersions {
  private struct Version {
    var operation: StatusRecord.Operation
    var statusOffset: Int64
  }

  private var documents: [DocumentKey: [Records.Version: Version]] = [:]
  /// The versions in the order of the status topic. A finished version is removed as soon as no open one is before it.
  private var order: [(statusOffset: Int64, document: DocumentKey, version: Records.Version)] = []
  private var first = 0
  /// The version that was accepted last, among the versions with an event.
  private var highest: Records.Version?
  /// The newest versions with an event, in the order of their first event. A further `accepted` of one of them is a
  /// repeat and opens nothing.
  private var recent: [Records.Version] = []
  private var recentSet: Set<Records.Version> = []
  /// True once an `accepted` that is no repeat was read. Until then, an `accepted` of an older version counts as a
  /// repeat, because the event that it may repeat was not read.
  private var hasAccepted = false
  /// Records before this status offset open no version. They only show which versions were accepted.
  private let start: Int64
  /// One past the last record that was applied.
  private var nextOffset: Int64
  /// Versions whose states were acknowledged before their events were read here.
  private var finished: [DocumentKey: Set<Records.Version>] = [:]

  /// How many records before the oldest open version are read, to know the newest accepted version.
  package static let readBefore: Int64 = 1000
  private static let recentMax = 2000
  /// `accepted` events are in the order of the versions, unless the first one of a batch had to be sent again. Then at
  /// most this many newer versions of the batch come before it.
  private static let disorderMax = 256

  /// - Parameter start: the status offset of the oldest version that was open.
  package init(start: Int64) {
    self.start = start
    nextOffset = start
  }

  /// The offset from which the next owner must read: that of the oldest version that has no acknowledged state.
  package var oldestOffset: Int64 { first < order.count ? order[first].statusOffset : nextOffset }
  /// How many versions were finished before their events were read.
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

  /// Whether an `accepted` of this version repeats an event that was read, or one before the first that was read.
  private func isRepeat(_ version: Records.Version) -> Bool {
    guard let highest, !highest.wasAccepted(before: version) else { return false }
    guard !recentSet.contains(version), hasAccepted, highest.epoch == version.epoch else { return true }
    // Count the newer versions instead of comparing offsets: compaction leaves gaps.
    return recent.count { version.wasAccepted(before: $0) } > Self.disorderMax
  }

  private mutating func note(_ version: Records.Version) {
    guard recentSet.insert(version).inserted else { return }
    recent.append(version)
    guard recent.count >= 2 * Self.recentMax else { return }
    for old in recent.prefix(Self.recentMax) { recentSet.remove(old) }
    recent.removeFirst(Self.recentMax)
  }

  /// Moves the position over a gap, which holds no record.
  package mutating func advance(to offset: Int64) { nextOffset = max(nextOffset, offset) }

  /// The operation of a version; nil when the version is not open.
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

  /// Closes a version whose state is acknowledged. If its events have not been read yet, they will open nothing.
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
