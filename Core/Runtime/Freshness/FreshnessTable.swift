import Records
import Synchronization

/// Knows which documents changed recently, from `rag.document-status`.
///
/// A version is stale when a newer one is `indexed` or `deleted`, or when a newer deletion is `accepted`; an
/// accepted put makes nothing stale, since the former version stays visible until it is indexed.
package final class FreshnessTable: Sendable {
  private struct Entry {
    var fence: Version
    var atMilliseconds: Int64
  }
  private let entries = Mutex<[DocumentKey: Entry]>([:])

  package init() {}

  /// Applies one event, in the order of its partition.
  package func apply(_ status: StatusRecord, atMilliseconds time: Int64) {
    guard let document = status.document, let version = status.version else { return }
    let fences =
      switch status.state {
      case .indexed, .deleted: true
      case .accepted: status.operation == .delete
      case .failed, .superseded: false
      }
    guard fences else { return }
    entries.withLock { entries in
      if let known = entries[document], known.fence >= version { return }
      entries[document] = Entry(fence: version, atMilliseconds: time)
    }
  }

  /// Whether a change newer than `version` is known. A deletion counts, because it is a version of its own, newer than
  /// the version that it deletes.
  package func isStale(_ document: DocumentKey, _ version: Version) -> Bool {
    entries.withLock { ($0[document]?.fence).map { $0 > version } ?? false }
  }

  /// Forgets events before this time, in milliseconds since 1970.
  package func prune(before milliseconds: Int64) {
    entries.withLock { $0 = $0.filter { $0.value.atMilliseconds >= milliseconds } }
  }
}
