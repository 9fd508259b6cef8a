import KafkaClient
import Records
import Services
import Stage
import Synchronization

/// Keeps a stage's `AnsweredQueries` up with what other processes write: an answer is known a moment after it was
/// acknowledged, so that the former owner of a partition and the new one come to one state.
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

  package func run() async throws {
    let reader = ReplayReader(context.kafka)
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
        // The broker is away: so are the others' answers.
        try await Task.sleep(for: .milliseconds(500))
      }
    }
    await reader.close()
  }
}
