/// Limits how often a repeated message is written to the log: at once for the first time, then at most once per
/// interval for each reason. A value without I/O.
package struct LogLimit: Sendable {
  private struct Entry {
    var writtenAt: ContinuousClock.Instant
    var suppressed = 0
  }

  private let interval: Duration
  private var entries: [String: Entry] = [:]

  package init(interval: Duration = .seconds(60)) { self.interval = interval }

  /// Decides on one message.
  ///
  /// - Parameter reason: of a closed set, because each one is remembered.
  /// - Returns: nil when the message must not be written; otherwise how many were not since the last one.
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
