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
