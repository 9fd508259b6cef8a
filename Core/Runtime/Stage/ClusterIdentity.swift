import Foundation
import Records
import Synchronization

/// The ID of the Kafka cluster that this process works for; nil until a broker has answered.
package final class ClusterIdentity: Sendable {
  private let known = Mutex<String?>(nil)
  package var id: String? { known.withLock { $0 } }
  package func set(_ id: String?) { known.withLock { $0 = id } }
}
