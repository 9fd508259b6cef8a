import Generation
import Synchronization
import Testing

// Goal: no call to the LLM begins without a fair chance to end, and the calls in flight are bounded. Method: a burst in
// model time, and many waiters.

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

  @Test("in a burst of 20 times what the LLM can do, little of its work is thrown away")
  func burst() {
    // One call takes 3 s alone; 8 at once take 6 s each. Deadlines are 30 s; 20 times more comes than can be done.
    func wasted(_ times: CallTimes?) -> Double {
      var clock = ContinuousClock.now
      let start = clock
      var (useful, wasted) = (0, 0)
      for number in 0..<400 {
        // The queue is served in order: the number-th query was asked when 20 others per call were.
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

  @Test("places are given in order, are never more than the limit, and come back from who gives up")
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
    #expect(try await limit.take(until: .now + .seconds(1)), "one place is always there")
  }
}
