import BlockingExecutor
import Foundation
import Synchronization
import Telemetry
import Time

/// Sends commands to one Redis. Commands that wait at the same time go out in one write (pipelining). Every
/// call ends within a time limit. While Redis is unreachable, calls fail at once between attempts to
/// reconnect.
package final class RedisClient: Sendable {
  private let queue: CallQueue
  private let deadline: Duration

  /// - Parameters:
  ///   - deadline: for one exchange, from the moment it is sent. A call waits at most for the exchange
  ///     before it and for its own exchange.
  package init(_ address: RedisAddress, deadline: Duration) {
    let queue = CallQueue()
    self.queue = queue
    self.deadline = deadline
    startBlockingThread(name: "redis") { CallLoop(address, deadline).run(queue) }
  }

  deinit { queue.stop() }

  /// - Returns: one reply per command, in order. The error of a single command is a reply; it is not thrown.
  /// - Throws: `RedisFailure` when Redis is unreachable, does not answer in time, closes the connection or
  ///   refuses the login, and when too many calls are waiting.
  package func send(_ commands: [[[UInt8]]]) async throws -> [RedisReply] {
    if commands.isEmpty { return [] }
    let call = Call(commands)
    guard queue.append(call) else {
      throw RedisFailure(.overloaded, "\(CallQueue.callsMax) calls are already waiting")
    }
    // The thread may be blocked by a call that has no time limit, for example by name resolution.
    let limit = deadline * 2 + .milliseconds(10)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        // A cancelled sleep ends the call too: the call has its value, or its caller was cancelled.
        do { try await Task.sleep(for: limit) } catch {}
        call.finish(.failure(RedisFailure(.timeout, "no reply in time")))
      }
      defer { group.cancelAll() }
      return try await call.value()
    }
  }

  /// Sends one command with text arguments.
  ///
  /// - Throws: `RedisFailure`, like `send(_:)` for several commands.
  package func send(_ words: String...) async throws -> RedisReply {
    try await send([words.map { Array($0.utf8) }])[0]
  }
}

/// The commands of one `send`. The call is finished once: by its replies, a failure or its time limit.
private final class Call: Sendable {
  private struct State {
    var result: Result<[RedisReply], RedisFailure>?
    var continuation: CheckedContinuation<[RedisReply], any Error>?
  }

  let commands: [[[UInt8]]]
  private let state = Mutex(State())

  init(_ commands: [[[UInt8]]]) { self.commands = commands }

  var isFinished: Bool { state.withLock { $0.result != nil } }

  func finish(_ result: Result<[RedisReply], RedisFailure>) {
    let waiter = state.withLock { state -> CheckedContinuation<[RedisReply], any Error>? in
      guard state.result == nil else { return nil }
      state.result = result
      defer { state.continuation = nil }
      return state.continuation
    }
    waiter?.resume(with: result.mapError { $0 as any Error })
  }

  func value() async throws -> [RedisReply] {
    try await withCheckedThrowingContinuation { continuation in
      let known = state.withLock { state -> Result<[RedisReply], RedisFailure>? in
        if state.result == nil { state.continuation = continuation }
        return state.result
      }
      if let known { continuation.resume(with: known.mapError { $0 as any Error }) }
    }
  }
}

private final class CallQueue {
  static let callsMax = 4096
  private let condition = NSCondition()
  private var calls: [Call] = []
  private var isStopped = false

  func append(_ call: Call) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    guard !isStopped, calls.count < Self.callsMax else { return false }
    calls.append(call)
    condition.signal()
    return true
  }

  func stop() {
    condition.lock()
    isStopped = true
    condition.signal()
    condition.unlock()
  }

  /// Waits for calls and takes all of them; nil when the queue is stopped and empty.
  func take() -> [Call]? {
    condition.lock()
    defer { condition.unlock() }
    while calls.isEmpty {
      if isStopped { return nil }
      condition.wait()
    }
    defer { calls = [] }
    return calls
  }
}

// Every access to the stored state is made with `condition` locked.
extension CallQueue: @unchecked Sendable {}

/// The loop of the client's thread. It has one connection, which it opens again after a failure.
private final class CallLoop {
  private let address: RedisAddress
  private let deadline: Duration
  private var connection: RedisConnection?
  private var backoff = Backoff(first: .milliseconds(50), max: .seconds(2))
  private var nextConnect = ContinuousClock.now
  private var lastFailure = RedisFailure(.unreachable, "not connected yet")
  /// The first words of Redis's errors so far. Each is logged only once, because a person must fix the cause.
  private var refusals: Set<String> = []

  init(_ address: RedisAddress, _ deadline: Duration) {
    self.address = address
    self.deadline = deadline
  }

  func run(_ queue: CallQueue) {
    while let taken = queue.take() {
      // Calls that have timed out are dropped: their replies would be too late.
      let calls = taken.filter { !$0.isFinished }
      if calls.isEmpty { continue }
      let commands = calls.flatMap(\.commands)
      do throws(RedisFailure) {
        let replies = try exchange(commands)
        for reply in replies { if case .error(let text) = reply { logRefusal(text) } }
        var start = 0
        for call in calls {
          call.finish(.success(Array(replies[start..<start + call.commands.count])))
          start += call.commands.count
        }
      } catch {
        for call in calls { call.finish(.failure(error)) }
      }
    }
  }

  private func exchange(_ commands: [[[UInt8]]]) throws(RedisFailure) -> [RedisReply] {
    let end = ContinuousClock.now + deadline
    let wasConnected = connection != nil
    do throws(RedisFailure) {
      return try connected(end).exchange(commands, deadline: end)
    } catch {
      connection = nil
      // A timeout for idle connections or a restart of Redis may have closed this connection. Try once more
      // on a new one: all our commands can be repeated.
      if wasConnected, error.reason == .closed {
        do throws(RedisFailure) {
          return try connected(end).exchange(commands, deadline: end)
        } catch {
          throw putOff(error)
        }
      }
      throw putOff(error)
    }
  }

  private func logRefusal(_ text: String) {
    // Only the error's first word: the rest may repeat what was sent, even a password.
    let name = String(text.prefix { $0 != " " }.unicodeScalars.prefix(32))
    guard refusals.count < 16, refusals.insert(name).inserted else { return }
    Logger(label: "redis").error("Redis refused a command", [(.value, "\(address)"), (.error, name)])
  }

  private func putOff(_ failure: RedisFailure) -> RedisFailure {
    connection = nil
    if failure.reason == .refused { logRefusal(failure.message) }
    lastFailure = failure
    nextConnect = .now + backoff.next()
    return failure
  }

  private func connected(_ end: ContinuousClock.Instant) throws(RedisFailure) -> RedisConnection {
    if let connection { return connection }
    guard ContinuousClock.now >= nextConnect else { throw lastFailure }
    let made = try RedisConnection(address, deadline: end, writeLimit: deadline)
    connection = made
    backoff.reset()
    return made
  }
}
