import Sandbox
import Synchronization

/// The children that wait for the next document of their tenant. A child serves one tenant, so that what one tenant's
/// document does to it can't reach another's.
final class ParserChildren: Sendable {
  /// A child ends after so many documents: what it has leaked goes with it.
  static let documentsMax = 64
  private static let idleMax = 4

  private struct Waiting {
    var tenant: String
    var child: ParserChild
    var documents: Int
  }

  /// The least recently used first.
  private let waiting = Mutex<[Waiting]>([])

  /// - Returns: a child that waits for this tenant, with the number of documents that it has read; nil for none.
  func take(_ tenant: String) -> (child: ParserChild, documents: Int)? {
    waiting.withLock { waiting in
      guard let index = waiting.firstIndex(where: { $0.tenant == tenant }) else { return nil }
      let taken = waiting.remove(at: index)
      return (taken.child, taken.documents)
    }
  }

  func giveBack(_ child: ParserChild, _ tenant: String, documents: Int) {
    guard documents < Self.documentsMax else { return }
    // Released, and so ended, outside the lock.
    let excess = waiting.withLock { waiting -> Waiting? in
      waiting.append(Waiting(tenant: tenant, child: child, documents: documents))
      return waiting.count > Self.idleMax ? waiting.removeFirst() : nil
    }
    _ = excess
  }
}
