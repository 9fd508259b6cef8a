import Testing
import Time

// Goal: an unavailable service is called less and less often, and durations convert to whole units. Method: fixed
// values.

@Suite struct BackoffTests {
  @Test("pauses double up to the limit, and start again after a reset")
  func pauses() {
    var backoff = Backoff(first: .milliseconds(50), max: .milliseconds(300))
    let first = (0..<5).map { _ in backoff.next() }
    #expect(first == [50, 100, 200, 300, 300].map { .milliseconds($0) })
    backoff.reset()
    #expect(backoff.next() == .milliseconds(50))
  }

  @Test("durations are rounded down to whole units")
  func units() {
    let duration = Duration.microseconds(2_500_999)
    #expect(
      duration.microseconds == 2_500_999 && duration.milliseconds == 2500 && duration.seconds == 2.500999)
  }
}
