import Foundation
import Records
import Synchronization

/// Which cluster this process works for; known once a broker has answered.
package final class ClusterIdentity: Sendable {
  private let known = Mutex<String?>(nil)
  package var id: String? { known.withLock { $0 } }
  package func set(_ id: String?) { known.withLock { $0 = id } }
}
