internal import CRdKafka
import Foundation

/// The result of one poll by a group member. Handle `revoked` first, then `assigned`, then the records.
package struct ConsumerPoll: Sendable {
  package var revoked: [TopicPartition] = []
  package var assigned: [TopicPartition] = []
  package var records: [ConsumerRecord] = []
}
