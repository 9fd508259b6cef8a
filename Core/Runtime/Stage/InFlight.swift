import Foundation
import Records

/// What work may ask of the window that its record is in.
package struct InFlight: Sendable {
  /// Finishes several records of one partition in one step. A crash then redelivers a whole join or none of
  /// it.
  package let finishTogether: @Sendable ([RecordPosition]) -> Void
  /// True while this member is polling and has owned the partition without a rebalance since the work began.
  package let isOwned: @Sendable () -> Bool
}
