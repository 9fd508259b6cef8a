import Testing
import Time

// Goal: a service that is away is asked less and less often, and at once when it is back. Method: the pauses themselves.

@Suite struct BackoffTests {
  @Test("pauses double up to the limit, and begin again after a success")
  func pauses() {
    var backoff = Backoff(first: .milliseconds(50), max: .milliseconds(300))
    let first = (0..<5).map { _ in backoff.next() }
    #expect(first == [50, 100, 200, 300, 300].map { .milliseconds($0) })
    backoff.reset()
    #expect(backoff.next() == .milliseconds(50))
  }

  @Test("parts of a unit are cut off")
  func units() {
    let duration = Duration.microseconds(2_500_999)
    #expect(
      duration.microseconds == 2_500_999 && duration.milliseconds == 2500 && duration.seconds == 2.500999)
  }
}
