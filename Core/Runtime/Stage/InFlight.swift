import Foundation
import Records

/// What work may ask of the window that its record is in.
package struct InFlight: Sendable {
  /// Finishes several records of one partition in one step, so that a crash never leaves a part of a join behind as if it
  /// had not been used.
  package let finishTogether: @Sendable ([RecordPosition]) -> Void
  /// Whether all that the partition has brought since this work began has come to this member: false once it has been
  /// revoked, also when it is back, and while nobody polls.
  package let isOwned: @Sendable () -> Bool
}
