/// How much a server takes on.
package struct HTTPServerLimits: Sendable {
  /// Bytes of a request's body; a longer one is answered with 413.
  package var bodyBytesMax = 1 << 20
  /// Bytes of a streamed response that wait for the client.
  package var streamBytesMax = 1 << 16
  package var connectionsMax = 64
  /// Requests whose answer is awaited, or is being streamed; a further one is answered with 503. Less than
  /// `connectionsMax`: a client that has left is not noticed while its answer is awaited.
  package var exchangesMax = 48
  /// Seconds after which a connection without traffic is closed. Time during which a response is awaited
  /// does not count.
  package var idleSecondsMax = 10
  /// Seconds in which a whole request must arrive, and in which a response must be taken, unless it is streamed. A
  /// connection that needs longer is closed when the next one begins. When all connections are in use, the longest
  /// waiting one of the address with the most connections is closed for a new one.
  package var requestSecondsMax = 15

  package init() {}
}
