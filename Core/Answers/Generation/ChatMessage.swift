import Foundation

/// One message to a chat model.
package struct ChatMessage: Sendable, Equatable {
  /// The author of a message, by the protocol's name.
  package enum Role: String, Sendable { case system, user, assistant }
  package var role: Role
  package var content: String
  package init(role: Role, content: String) {
    self.role = role
    self.content = content
  }
}
