import KafkaClient
import Records
import Services
import Stage
import Synchronization

/// Adds the answers of other processes to a stage's `AnsweredQueries`, a moment after they were acknowledged.
///
/// So the previous owner of a partition and the new one do not both answer a query. Only within that moment
/// could they write two terminal states.
package final class AnswersFollower: Service {
  package let name = "answers"
  private let context: StageContext
  private let answered: AnsweredQueries
  private let isStopping = Mutex(false)

  package init(_ context: StageContext, _ answered: AnsweredQueries) {
    self.context = context
    self.answered = answered
  }

  package func shutdown() async { isStopping.withLock { $0 = true } }

  /// Follows `rag.answers` from the positions that were read back last.
  ///
  /// - Throws: Only `CancellationError`: failures of Kafka are retried.
  package func run() async throws {
    try await withReader(context.kafka) { reader in try await follow(reader) }
  }

  private func follow(_ reader: ReplayReader) async throws {
    var isFollowing = false
    while !isStopping.withLock({ $0 }) {
      do {
        if let starts = answered.takeStarts() {
          do {
            try await reader.assign(starts)
          } catch {
            answered.follow(starts)
            throw error
          }
          isFollowing = !starts.isEmpty
        }
        guard isFollowing else {
          try await Task.sleep(for: .milliseconds(100))
          continue
        }
        answered.note(try await reader.next(maxRecords: 1000, maxWait: .milliseconds(500)))
      } catch is KafkaFailure {
        // While the broker is unreachable, other processes can't write answers either.
        try await Task.sleep(for: .milliseconds(500))
      }
    }
  }
}
