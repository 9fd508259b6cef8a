import Foundation

/// The record is in flight at its partition's new owner, who knows more: it is neither finished here nor tried again,
/// and is worked on again if its partition comes back.
package struct LeftToNextOwner: Error {
  package init() {}
}
