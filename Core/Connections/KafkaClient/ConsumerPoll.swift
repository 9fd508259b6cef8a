internal import CRdKafka
import Foundation

/// What one poll of a group's member brought. Handle `revoked` first, then `assigned`, then the records.
package struct ConsumerPoll: Sendable {
  package var revoked: [TopicPartition] = []
  package var assigned: [TopicPartition] = []
  package var records: [ConsumerRecord] = []
}
