import KafkaClient
import Records
import Stage
import Time

/// Makes the phases that write answers; no other code does. An answer is written only if its query has none yet, and is
/// made again if it is appended too long after its documents were checked.
package struct AnswerWriter: Sendable {
  /// What a phase writes, decided right before it is sent.
  package enum Content: Sendable {
    case answer(AnswerRecord)
    /// A record for the next stage or round: the query has no terminal state yet.
    case next(OutgoingRecord, finishing: QueryMark?)
  }

  /// What is known about the search behind an answer.
  package struct Facts: Sendable {
    package var shardsAnswered: UInt32
    package var shardsTotal: UInt32
    package var behind: IndexBehind

    package init(shardsAnswered: UInt32 = 0, shardsTotal: UInt32 = 0, behind: IndexBehind = IndexBehind()) {
      self.shardsAnswered = shardsAnswered
      self.shardsTotal = shardsTotal
      self.behind = behind
    }
  }

  private let context: StageContext
  private let log: QueryLog

  package init(_ context: StageContext, log: QueryLog) {
    self.context = context
    self.log = log
  }

  /// Whether the query has an answer already, or this round of it is finished.
  ///
  /// - Throws: `KafkaFailure` when the answer topics can't be read back; `CancellationError`.
  package func isAnswered(_ flight: QueryInFlight, round: UInt32? = nil) async throws -> Bool {
    let key = flight.key.bytes
    var marks = [QueryMark.answered(key)]
    if let round { marks.append(.finished(key, round: round)) }
    return try await log.contains(
      marks, ofKey: key, since: flight.askedAtMilliseconds - QueryLog.margin.milliseconds)
  }

  /// A phase that writes what `content` returns, unless the query has an answer by then.
  ///
  /// - Parameters:
  ///   - facts: the facts about the search behind the answer; nil when `content` has set them.
  ///   - content: called right before the record is sent, and again when sending fails or is too late. So it must check
  ///     the freshness of the documents.
  package func phase(
    _ flight: QueryInFlight, round: UInt32? = nil, facts: Facts?, headers: [RecordHeader],
    content: @escaping @Sendable () async throws -> Content
  ) -> Phase {
    .made {
      // Another owner of the partition may have answered, or finished this round, meanwhile.
      if try await isAnswered(flight, round: round) { return Phase.Made([]) }
      let key = flight.key.bytes
      let start = WallClock.milliseconds
      switch try await content() {
      case .next(let record, let mark):
        return Phase.Made([record]) { if let mark { log.insert(mark, ofKey: key) } }
      case .answer(var answer):
        answer.warnings = flight.query.warnings
        if let facts {
          answer.shardsAnswered = facts.shardsAnswered
          answer.shardsTotal = facts.shardsTotal
          answer.behind = facts.behind
        }
        // An answer without citations depends on no document, so it has no time of check.
        let checkedAt = answer.citations.isEmpty ? nil : answer.checkedAtMilliseconds ?? start
        answer.checkedAtMilliseconds = checkedAt
        return Phase.Made(
          context.answerRecords(
            answer, replyTo: flight.query.replyTo,
            headers: headers + (checkedAt.map { [RecordHeader(HeaderName.checkedAt, "\($0)")] } ?? [])),
          validUntil: checkedAt.map { $0 + AnswerRecord.validity.milliseconds }
        ) { log.insert(.answered(key), ofKey: key) }
      }
    }
  }

  /// The phases that give a query the terminal state `failed`.
  package func failure(_ flight: QueryInFlight, _ fault: RecordError, headers: [RecordHeader]) -> [Phase] {
    [
      phase(flight, facts: nil, headers: headers) {
        var answer = AnswerRecord(flight, status: .failed)
        answer.error = fault
        return .answer(answer)
      }
    ]
  }
}
