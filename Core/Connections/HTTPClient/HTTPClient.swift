import BlockingExecutor
import Foundation

/// Runs many concurrent exchanges on one thread with libcurl's multi interface. Connections are reused.
package final class HTTPClient: Sendable {
  private let inbox: TransferInbox

  package init() {
    let inbox = TransferInbox()
    self.inbox = inbox
    startBlockingThread(name: "http-client") { TransferLoop(inbox).run() }
  }

  deinit { inbox.stop() }

  /// Starts an exchange. Releasing the stream, or cancelling the task that reads it, cancels the exchange and
  /// closes its connection at once. The stream throws `HTTPClientFailure`.
  package func send(_ request: HTTPRequest) -> AsyncThrowingStream<HTTPEvent, any Error> {
    // The stream's buffer is bounded by `responseBytesMax`: a longer response fails the exchange.
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: HTTPEvent.self)
    let transfer = Transfer(request, continuation)
    continuation.onTermination = { [inbox] reason in
      if case .cancelled = reason { inbox.cancel(transfer) }
    }
    inbox.submit(transfer)
    return stream
  }

  /// Sends a request and collects the whole response.
  ///
  /// - Throws: `HTTPClientFailure` when the exchange fails. An HTTP status of 400 or more is not an error
  ///   here.
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
