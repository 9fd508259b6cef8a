import Generation
import Synchronization
import Testing

// Goal: no call to the LLM begins without a fair chance to end in time, and the number of calls in flight is limited.
// Method: a burst of queries in simulated time, and many waiters.

private final class Counts: Sendable {
  let value = Mutex<(done: Int, late: Int, highest: Int)>((0, 0, 0))
}

@Suite struct CallTimesTests {
  @Test("a call that can't end in time is not begun; after a minute the LLM is tried again")
  func chance() {
    let times = CallTimes()
    let start = ContinuousClock.now
    #expect(times.hasChance(within: .milliseconds(1), at: start), "nothing is known yet")
    for _ in 0..<4 { times.add(.seconds(3), at: start) }
    #expect(!times.hasChance(within: .seconds(2), at: start))
    #expect(times.hasChance(within: .seconds(3), at: start))
    #expect(!times.hasChance(within: .zero, at: start))
    #expect(times.hasChance(within: .seconds(1), at: start + .seconds(61)))
  }

  @Test("in a burst of 20 times the LLM's capacity, less than a quarter of its work is wasted")
  func burst() {
    // Eight calls at once take 6 s each, so one ends every 0.75 s. Each query has a deadline of 30 s.
    func wasted(_ times: CallTimes?) -> Double {
      var clock = ContinuousClock.now
      let start = clock
      var (useful, wasted) = (0, 0)
      for number in 0..<400 {
        // The queue is served in order, and 20 queries are asked in the time in which one call ends.
        let askedAt = start + .milliseconds(6000 / 8 / 20 * number)
        clock = max(clock, askedAt)
        let left = askedAt + .seconds(30) - clock
        if let times, !times.hasChance(within: left, at: clock) { continue }
        if times == nil, left <= .zero { continue }
        let took = Duration.seconds(6)
        clock += took / 8
        times?.add(min(took, left), at: clock)
        if took <= left { useful += 1 } else { wasted += 1 }
      }
      return Double(wasted) / Double(max(1, useful + wasted))
    }
    let (before, now) = (wasted(nil), wasted(CallTimes()))
    print(
      "work of the LLM that is thrown away in a burst: \(before) without, \(now) with the look at the time left"
    )
    #expect(now < 0.25 && now < before)
  }

  @Test("no more places are taken than the limit, and all are free again, also if some waiters gave up")
  func places() async throws {
    let limit = CallLimit(3)
    let counts = Counts()
    await withDiscardingTaskGroup { group in
      for number in 0..<60 {
        group.addTask {
          do {
            let deadline = ContinuousClock.now + (number % 10 == 0 ? .milliseconds(1) : .seconds(60))
            guard try await limit.take(until: deadline) else {
              counts.value.withLock { $0.late += 1 }
              return
            }
            counts.value.withLock { $0.highest = max($0.highest, limit.inFlight) }
            try await Task.sleep(for: .milliseconds(3))
            limit.release()
            counts.value.withLock { $0.done += 1 }
          } catch {
            Issue.record("\(error)")
          }
        }
      }
    }
    let (done, late, highest) = counts.value.withLock { $0 }
    #expect(done + late == 60 && highest <= 3)
    #expect(limit.inFlight == 0)
    limit.set(0)
    #expect(try await limit.take(until: .now + .seconds(1)), "there is always one place")
  }
}
