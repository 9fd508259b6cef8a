internal import CRdKafka
import Foundation
import Records

/// A topic that is to be created.
package struct TopicPlan: Sendable {
  package var name: String
  package var partitionCount: Int32
  package var replicationFactor: Int32
  package var settings: [String: String]

  package init(name: String, partitionCount: Int32, replicationFactor: Int32, settings: [String: String]) {
    self.name = name
    self.partitionCount = partitionCount
    self.replicationFactor = replicationFactor
    self.settings = settings
  }
}
