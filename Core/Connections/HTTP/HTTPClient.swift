import BlockingExecutor
import Foundation

/// A request of ours to a server.
package struct HTTPRequest: Sendable {
  package var url: String
  package var headers: [(name: String, value: String)]
  /// Nil = GET, else POST.
  package var body: [UInt8]?
  /// For the whole exchange, streams included.
  package var timeout: Duration
  package var connectTimeout: Duration
  /// A response that is longer fails the request.
  package var responseBytesMax: Int

  package init(
    url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil, timeout: Duration,
    connectTimeout: Duration = .seconds(5), responseBytesMax: Int = 16 << 20
  ) {
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
    self.connectTimeout = connectTimeout
    self.responseBytesMax = responseBytesMax
  }
}

/// What comes back, in order: one head, then the body as it arrives.
package enum HTTPEvent: Sendable, Equatable {
  /// - retryAfter: seconds, from the header of that name.
  case head(status: Int, retryAfter: Double?)
  case body([UInt8])
}

/// Why an exchange did not come to its end. All of them are retriable but `invalid`.
package struct HTTPClientFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Reason: String, Sendable { case unreachable, timeout, tooLarge, broken, invalid }
  package var reason: Reason
  package var message: String
  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
  package var description: String { "\(reason.rawValue): \(message)" }
}

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
