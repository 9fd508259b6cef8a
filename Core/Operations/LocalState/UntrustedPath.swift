import Foundation

/// A file or folder that somebody else could have made, or could change.
package struct UntrustedPath: Error, Sendable, CustomStringConvertible {
  package var path: String
  /// What was found: owner and mode, and which of them breaks the rule.
  package var finding: String
  /// How to go on.
  package var advice = ""

  package var description: String {
    "\(path) is not used: it \(finding)" + (advice.isEmpty ? "" : ". \(advice)")
  }
}
