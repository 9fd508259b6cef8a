import BlockingExecutor
import Foundation
import Synchronization

/// The messages of one channel. Releasing the object ends the subscription.
package final class RedisSubscription: Sendable {
  /// When this many messages wait to be read, new messages are dropped. No answer is lost: the messages are only a
  /// preview of the record that holds the whole answer.
  private static let messagesMax = 1000
  package let messages: AsyncStream<[UInt8]>
  private let isStopped: Flag

  /// Subscribes, and returns when Redis has answered. Messages published after that are received.
  ///
  /// - Throws: `RedisFailure` when Redis is unreachable, refuses the login or does not answer before the deadline.
  package init(_ address: RedisAddress, channel: String, deadline: Duration) async throws {
    let (messages, output) = AsyncStream.makeStream(
      of: [UInt8].self, bufferingPolicy: .bufferingOldest(Self.messagesMax))
    self.messages = messages
    let flag = Flag()
    isStopped = flag
    try await withCheckedThrowingContinuation { (ready: CheckedContinuation<Void, any Error>) in
      startBlockingThread(name: "redis-sub") {
        Self.listen(address, channel, deadline, ready, output, flag)
        output.finish()
      }
    }
  }

  deinit { isStopped.set() }

  /// Ends `messages` within about 20 milliseconds.
  package func stop() { isStopped.set() }

  private static func listen(
    _ address: RedisAddress, _ channel: String, _ limit: Duration,
    _ ready: CheckedContinuation<Void, any Error>, _ output: AsyncStream<[UInt8]>.Continuation, _ flag: Flag
  ) {
    let connection: RedisConnection
    do throws(RedisFailure) {
      let deadline = ContinuousClock.now + limit
      connection = try RedisConnection(address, deadline: deadline, writeLimit: limit)
      try connection.append([Array("SUBSCRIBE".utf8), Array(channel.utf8)])
      try connection.flush()
      if case .error(let text) = try connection.reply(deadline: deadline) {
        throw RedisFailure(.refused, text)
      }
    } catch {
      return ready.resume(throwing: error)
    }
    ready.resume()
    while !flag.isSet {
      do throws(RedisFailure) {
        let reply = try connection.reply(deadline: .now + .milliseconds(20))
        if case .array(let parts) = reply, parts.count == 3, let message = parts[2].bytesValue {
          output.yield(message)
        }
      } catch {
        if error.reason == .timeout { continue }
        return
      }
    }
  }
}

private final class Flag: Sendable {
  private let value = Mutex(false)
  var isSet: Bool { value.withLock { $0 } }
  func set() { value.withLock { $0 = true } }
}
