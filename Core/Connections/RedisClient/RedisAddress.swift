import Foundation

/// The address of a Redis: `redis://[[user]:password@]host:port[/database]`, `rediss://…` for the same with TLS, or
/// `unix://[[user]:password@]/path[?db=database]`. User and password may have percent escapes, as in every URL, so a
/// `%` in them must be written as `%25`.
package struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
  /// A TCP address or a Unix socket.
  package enum Endpoint: Sendable, Equatable {
    case tcp(host: String, port: UInt16)
    /// The absolute path of the socket.
    case unixSocket(String)
  }

  package var endpoint: Endpoint
  /// Empty: Redis's default user.
  package var user = ""
  package var password = ""
  package var database = 0
  /// TLS (`rediss://`): the server's certificate and name are verified.
  package var isEncrypted = false
  /// The path of a PEM file with the trusted certificates; empty for the system's.
  package var caFile = ""

  package static let rule =
    "must be redis:// or rediss://[[user]:password@]host:port[/database], "
    + "unix://[[user]:password@]/path[?db=database], or empty for no Redis; "
    + "a % in user or password must be written as %25"

  /// - Parameter path: absolute.
  package init(socket path: String) { endpoint = .unixSocket(path) }

  package init?(_ text: String) {
    let isSocket = text.hasPrefix("unix://")
    isEncrypted = text.hasPrefix("rediss://")
    guard isSocket || isEncrypted || text.hasPrefix("redis://") else { return nil }
    var rest = text[(text.range(of: "://")?.upperBound ?? text.endIndex)...]
    if isSocket {
      // If no number follows, `?db=` is part of the path.
      if let mark = rest.range(of: "?db=", options: .backwards),
        let number = Self.database(rest[mark.upperBound...])
      {
        database = number
        rest = rest[..<mark.lowerBound]
      }
    } else if let slash = rest.lastIndex(of: "/") {
      guard let number = Self.database(rest[rest.index(after: slash)...]) else { return nil }
      database = number
      rest = rest[..<slash]
    }
    if !isSocket || !rest.hasPrefix("/"), let at = rest.lastIndex(of: "@") {
      guard let colon = rest[..<at].firstIndex(of: ":"),
        let user = String(rest[..<colon]).removingPercentEncoding,
        let password = String(rest[rest.index(after: colon)..<at]).removingPercentEncoding
      else { return nil }
      // Without a password Redis would take us for its default user.
      guard user.isEmpty || !password.isEmpty else { return nil }
      (self.user, self.password) = (user, password)
      rest = rest[rest.index(after: at)...]
    }
    if isSocket {
      guard rest.hasPrefix("/"), rest.count > 1 else { return nil }
      endpoint = .unixSocket(String(rest))
      return
    }
    guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]), port > 0,
      colon > rest.startIndex
    else { return nil }
    // A colon in the host means an IPv6 address in brackets, or a password with a missing @.
    var host = rest[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(where: { ":/?[]".contains($0) }) {
      return nil
    }
    endpoint = .tcp(host: String(host), port: port)
  }

  private static func database(_ text: Substring) -> Int? {
    Int(text).flatMap { (0...1_000_000).contains($0) ? $0 : nil }
  }

  /// The address without user and password.
  package var description: String {
    switch endpoint {
    case .tcp(let host, let port): "\(isEncrypted ? "rediss" : "redis")://\(host):\(port)/\(database)"
    case .unixSocket(let path): "unix://\(path)" + (database == 0 ? "" : "?db=\(database)")
    }
  }
}
