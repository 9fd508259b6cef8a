import CommandLine
import KafkaClient
import Records
import Time

/// A span of time that ends when this value is made.
package struct LedgerSpan: Sendable {
  package let milliseconds: Int64

  /// - Parameter text: a whole number from 1 to 999,999, followed by s, m, h or d.
  /// - Throws: `UsageError` for any other text.
  package init(_ text: String) throws {
    let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
    guard let last = text.last, let unit = units[last], let count = Int64(text.dropLast()), count > 0,
      count < 1_000_000
    else { throw UsageError("--since: '\(text)' must be a whole number with s, m, h or d") }
    milliseconds = count * unit
  }

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// The end of the span, in milliseconds since 1970. Read once, so that all topics are read from the same time.
  private let now = WallClock.milliseconds
  package var start: ReplayReader.Start { .time(milliseconds: now - milliseconds) }
  /// Where reading states begins: 60 s before `start`, because brokers' clocks differ. States of records outside the
  /// span are ignored.
  package var startOfStates: ReplayReader.Start { .time(milliseconds: now - milliseconds - 60_000) }
  /// Where reading answers begins. A query whose ID was answered shortly before gets no second answer, so its answer
  /// may be older than `start`.
  package var startOfAnswers: ReplayReader.Start {
    .time(milliseconds: now - milliseconds - QueryFlags.skew - QueryFlags.repeatMax)
  }
}
