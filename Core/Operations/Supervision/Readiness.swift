import RedisClient

/// How a child process shows that it is ready.
enum Readiness: Sendable {
  /// It writes the port of its probes to its port file, and `/readyz` answers 200 there.
  case portFile
  /// An HTTP server on 127.0.0.1 answers 200.
  case http(UInt16, path: String)
  /// It accepts connections on 127.0.0.1.
  case tcp(UInt16)
  /// It answers PING.
  case redis(RedisAddress)
}
