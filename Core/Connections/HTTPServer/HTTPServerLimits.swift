/// The limits of an HTTP server.
package struct HTTPServerLimits: Sendable {
  /// The bytes of a request's body. A request that declares a longer body is answered with 413. A chunked body
  /// that grows longer is cut off without an answer.
  package var bodyBytesMax = 1 << 20
  /// The bytes of a streamed response that may wait for the client. A longer piece is accepted when none wait.
  package var streamBytesMax = 1 << 16
  package var connectionsMax = 64
  /// The number of requests whose answer is awaited or being streamed; a further request gets a 503. Must be less
  /// than `connectionsMax`: while an answer is awaited, the server does not notice that the client has left.
  package var exchangesMax = 48
  /// Seconds after which a connection without traffic is closed. Time during which a response is awaited
  /// does not count.
  package var idleSecondsMax = 10
  /// Seconds within which a whole request must arrive, and within which the client must take a response that is
  /// not streamed. A slower connection is closed when the next connection begins. When `connectionsMax` is reached,
  /// a new connection replaces another one: the longest waiting connection of the address that has most of them.
  /// Connections whose answer is awaited or streamed are never closed for these reasons.
  package var requestSecondsMax = 15

  package init() {}
}
