import BlockingExecutor
import Foundation

/// Many concurrent exchanges on one thread, by libcurl's multi interface. Connections are kept and used again.
package final class HTTPClient: Sendable {
  private let inbox: TransferInbox

  package init() {
    let inbox = TransferInbox()
    self.inbox = inbox
    startBlockingThread(name: "http-client") { TransferLoop(inbox).run() }
  }

  deinit { inbox.stop() }

  /// Starts an exchange. Whoever stops reading the stream cancels it: the connection is closed at once.
  package func send(_ request: HTTPRequest) -> AsyncThrowingStream<HTTPEvent, any Error> {
    // Bounded by `responseBytesMax`: what is longer ends the exchange.
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: HTTPEvent.self)
    let transfer = Transfer(request, continuation)
    continuation.onTermination = { [inbox] reason in
      if case .cancelled = reason { inbox.cancel(transfer) }
    }
    inbox.submit(transfer)
    return stream
  }

  /// The whole response.
  package func response(_ request: HTTPRequest) async throws -> (status: Int, body: [UInt8]) {
    var status = 0
    var body: [UInt8] = []
    for try await event in send(request) {
      switch event {
      case .head(let code, _): status = code
      case .body(let bytes): body += bytes
      }
    }
    return (status, body)
  }
}
