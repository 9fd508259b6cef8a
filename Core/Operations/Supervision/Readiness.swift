import RedisClient

/// How a child process shows that it is ready.
enum Readiness: Sendable {
  /// The process writes the port of its probes to its port file, and `/readyz` answers 200 there.
  case portFile
  /// An HTTP server on 127.0.0.1 answers 200.
  case http(UInt16, path: String)
  /// The process accepts connections on 127.0.0.1.
  case tcp(UInt16)
  /// The process answers PING.
  case redis(RedisAddress)
}
