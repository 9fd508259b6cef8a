/// Pauses between tries that double up to a limit.
package struct Backoff: Sendable {
  private let first: Duration
  private let max: Duration
  private var pause: Duration

  package init(first: Duration, max: Duration) {
    self.first = first
    self.max = max
    pause = first
  }

  /// The pause before the next try; the one after it will be twice as long.
  package mutating func next() -> Duration {
    defer { pause = min(pause * 2, max) }
    return pause
  }

  /// After a success: the next pause is the first one again.
  package mutating func reset() { pause = first }
}
