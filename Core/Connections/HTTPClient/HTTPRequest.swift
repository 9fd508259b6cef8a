import Foundation

/// A request to a server.
package struct HTTPRequest: Sendable {
  package var url: String
  package var headers: [(name: String, value: String)]
  /// Nil = GET, otherwise POST.
  package var body: [UInt8]?
  /// The limit for the whole exchange, also for a streamed response.
  package var timeout: Duration
  package var connectTimeout: Duration
  /// A longer response fails the exchange.
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
