/// Pauses between retries. They double up to a limit.
package struct Backoff: Sendable {
  private let first: Duration
  private let max: Duration
  private var pause: Duration

  package init(first: Duration, max: Duration) {
    self.first = first
    self.max = max
    pause = first
  }

  /// The pause before the next retry. The following pause is twice as long, up to the limit.
  package mutating func next() -> Duration {
    defer { pause = min(pause * 2, max) }
    return pause
  }

  /// Call it after a success: the next pause will be the first one again.
  package mutating func reset() { pause = first }
}
