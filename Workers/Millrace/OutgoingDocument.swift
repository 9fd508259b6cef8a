import Foundation
import Records

/// A document's record before it is produced.
struct OutgoingDocument: Sendable {
  var key: DocumentKey
  /// Nil deletes.
  var value: [UInt8]?
}
