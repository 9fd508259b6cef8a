import Telemetry
import Testing

@Suite struct LogLimitTests {
  @Test("a message is logged at once, then once per interval and reason, with the number of those left out")
  func limit() {
    var limit = LogLimit(interval: .seconds(60))
    let start = ContinuousClock.now
    #expect(limit.admit("refused", at: start) == 0)
    #expect(limit.admit("timeout", at: start) == 0)
    for second in [0, 1, 59] { #expect(limit.admit("refused", at: start + .seconds(second)) == nil) }
    #expect(limit.admit("refused", at: start + .seconds(60)) == 3)
    #expect(limit.admit("refused", at: start + .seconds(61)) == nil)
    #expect(limit.admit("timeout", at: start + .seconds(600)) == 0)
    #expect(limit.admit("refused", at: start + .seconds(700)) == 1)
  }
}
