import CommandLine
import KafkaClient
import Records
import Time

/// A span of time back from now.
package struct LedgerSpan: Sendable {
  package let milliseconds: Int64

  /// - Parameter text: a whole number below a million with s, m, h or d.
  /// - Throws: `UsageError` for any other text.
  package init(_ text: String) throws {
    let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
    guard let last = text.last, let unit = units[last], let count = Int64(text.dropLast()), count > 0,
      count < 1_000_000
    else { throw UsageError("--since: '\(text)' must be a whole number with s, m, h or d") }
    milliseconds = count * unit
  }

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// The moment this span began, counted once: all topics are read from there.
  private let now = WallClock.milliseconds
  package var start: ReplayReader.Start { .time(milliseconds: now - milliseconds) }
  /// For states: brokers' clocks differ, and a state of a record that is not looked at does no harm.
  package var startOfStates: ReplayReader.Start { .time(milliseconds: now - milliseconds - 60_000) }
  /// A query may have been answered when it was asked before.
  package var startOfAnswers: ReplayReader.Start {
    .time(milliseconds: now - milliseconds - QueryFlags.skew - QueryFlags.repeatMax)
  }
}
