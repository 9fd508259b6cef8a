import Sandbox
import Synchronization

/// Idle children that wait for the next document of their scope. A child serves only documents of one tenant that the
/// same people may read. So a document that takes over its child can reach no text that its own readers may not see.
final class ParserChildren: Sendable {
  /// A child ends after this many documents, which frees what it has leaked.
  static let documentsMax = 64
  private static let idleMax = 4

  private struct Waiting {
    var scope: String
    var child: ParserChild
    var documents: Int
  }

  /// The least recently used first.
  private let waiting = Mutex<[Waiting]>([])

  /// - Returns: a child that waits for this scope, with the number of documents that it has read; nil for none.
  func take(_ scope: String) -> (child: ParserChild, documents: Int)? {
    waiting.withLock { waiting in
      guard let index = waiting.firstIndex(where: { $0.scope == scope }) else { return nil }
      let taken = waiting.remove(at: index)
      return (taken.child, taken.documents)
    }
  }

  func giveBack(_ child: ParserChild, _ scope: String, documents: Int) {
    guard documents < Self.documentsMax else { return }
    // Release the excess child, which ends it, outside the lock.
    let excess = waiting.withLock { waiting -> Waiting? in
      waiting.append(Waiting(scope: scope, child: child, documents: documents))
      return waiting.count > Self.idleMax ? waiting.removeFirst() : nil
    }
    _ = excess
  }
}
