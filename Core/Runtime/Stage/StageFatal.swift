import Foundation
import KafkaClient

/// An error that only a person or a restart can mend.
package struct StageFatal: Error, Sendable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}
