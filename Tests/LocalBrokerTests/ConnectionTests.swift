import BlockingExecutor
import Foundation
import Testing

@testable import LocalBroker

// Goal: a client that does not read its answer does not hold a thread of the broker. Method: a socket that nobody
// reads.

@Suite(.timeLimit(.minutes(20))) struct ConnectionTests {
  @Test("writing an answer fails if nobody reads it, and completes if the client reads it slowly")
  func unread() async throws {
    var ends: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    let (connection, peer) = (Connection(descriptor: ends[0]), ends[1])
    let answer = [UInt8](repeating: 7, count: 8 << 20)
    let reader = Thread {
      var buffer = [UInt8](repeating: 0, count: 1 << 20)
      var left = answer.count
      while left > 0 {
        let got = recv(peer, &buffer, min(left, buffer.count), 0)
        if got <= 0 { return }
        left -= got
        usleep(10_000)
      }
    }
    reader.start()
    let isTaken = await BlockingCalls(name: "writer").run { connection.write(answer) }
    #expect(isTaken)
    // Nobody reads this answer. Without a time limit, the write would never return.
    let isWritten = await BlockingCalls(name: "writer").run { connection.write(answer) }
    #expect(!isWritten)
    close(peer)
  }
}
