import Foundation
import KafkaClient
import Records
import Settings
import Stage
import Synchronization

/// Reads the records of one key from the one partition that can hold them.
package struct RecordReader: Sendable {
  private let settings: Settings
  package init(_ settings: Settings) { self.settings = settings }

  /// All records with this key, in order.
  ///
  /// - Throws: `KafkaFailure`.
  package func records(of name: TopicName, key: [UInt8]) async throws -> [ConsumerRecord] {
    try await records(of: name, partitionKey: key) { $0 == key }
  }

  /// The records of one partition whose keys are wanted, in order.
  ///
  /// - Parameters:
  ///   - partitionKey: the key that decides the partition.
  ///   - isWanted: called with each record's own key.
  /// - Throws: `KafkaFailure`.
  package func records(
    of name: TopicName, partitionKey: [UInt8], where isWanted: @escaping @Sendable ([UInt8]) -> Bool
  ) async throws -> [ConsumerRecord] {
    let partition = Partitioner.partition(
      ofKey: partitionKey, partitionCount: settings.partitionCount(name))
    let found = Mutex<[ConsumerRecord]>([])
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-explain")) { reader in
      try await reader.assign([TopicPartition(settings.topic(name), partition): .beginning])
      try await reader.readToEnd(limit: .seconds(600)) { records in
        for record in records where record.key.map(isWanted) == true { found.withLock { $0.append(record) } }
      }
    }
    return found.withLock { $0 }
  }
}
