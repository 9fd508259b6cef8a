import Synchronization

/// Remembers which documents of a segment a filter matches, as far as they were checked. Segments don't change, so the
/// answers stay true. Queries with the same filter share them.
package final class FilterMemo: Sendable {
  private struct State {
    var known: Bitmap
    var matching: Bitmap
  }

  private let state: Mutex<State>

  init(documentCount: Int) {
    state = Mutex(
      State(known: Bitmap(capacity: documentCount), matching: Bitmap(capacity: documentCount)))
  }

  /// - Returns: nil when the document has not been checked yet.
  package func answer(for document: Int) -> Bool? {
    state.withLock { $0.known.contains(document) ? $0.matching.contains(document) : nil }
  }

  package func note(_ document: Int, matches: Bool) {
    state.withLock { state in
      _ = state.known.insert(document)
      if matches { _ = state.matching.insert(document) }
    }
  }
}
