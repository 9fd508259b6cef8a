/// Limits how often a repeated message is written to the log. For each reason, the first message is written at once,
/// later ones at most once per interval.
package struct LogLimit: Sendable {
  private struct Entry {
    var writtenAt: ContinuousClock.Instant
    var suppressed = 0
  }

  private let interval: Duration
  private var entries: [String: Entry] = [:]

  package init(interval: Duration = .seconds(60)) { self.interval = interval }

  /// Decides whether one message is written.
  ///
  /// - Parameter reason: must come from a closed set, because each reason is remembered.
  /// - Returns: nil when the message must not be written; otherwise the number of messages that were suppressed since
  ///   the last one that was written.
  package mutating func admit(_ reason: String, at now: ContinuousClock.Instant = .now) -> Int? {
    if var entry = entries[reason], now - entry.writtenAt < interval {
      entry.suppressed += 1
      entries[reason] = entry
      return nil
    }
    defer { entries[reason] = Entry(writtenAt: now) }
    return entries[reason]?.suppressed ?? 0
  }
}
