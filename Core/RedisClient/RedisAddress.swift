/// Where a Redis is: `redis://[:password@]host:port[/database]`.
package struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
  package var host: String
  package var port: UInt16
  package var password = ""
  package var database = 0

  package static let rule = "must be redis://[:password@]host:port[/database], or empty for none"

  package init?(_ text: String) {
    guard text.hasPrefix("redis://") else { return nil }
    var rest = text.dropFirst("redis://".count)
    if let slash = rest.lastIndex(of: "/") {
      guard let number = Int(rest[rest.index(after: slash)...]), (0...1_000_000).contains(number) else {
        return nil
      }
      database = number
      rest = rest[..<slash]
    }
    if let at = rest.lastIndex(of: "@") {
      guard rest.hasPrefix(":") else { return nil }
      password = String(rest[rest.index(after: rest.startIndex)..<at])
      rest = rest[rest.index(after: at)...]
    }
    guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]), port > 0,
      colon > rest.startIndex
    else { return nil }
    host = String(rest[..<colon])
    self.port = port
  }

  /// Without the password.
  package var description: String { "redis://\(host):\(port)/\(database)" }
}

/// Why a call has no reply. Callers go on without Redis: none of these is anybody's fault but Redis's.
package struct RedisFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Reason: String, Sendable {
    case unreachable, timeout, closed, refused, overloaded
  }
  package var reason: Reason
  package var message: String

  package init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
  package var description: String { "redis \(reason.rawValue): \(message)" }

  /// The label of a metric for what a call threw.
  package static func label(of error: any Error) -> String {
    ((error as? RedisFailure)?.reason ?? .unreachable).rawValue
  }
}

/// One reply.
package enum RedisReply: Sendable, Equatable {
  case null
  case status(String)
  case integer(Int64)
  case bytes([UInt8])
  case error(String)
  case array([RedisReply])

  package var bytesValue: [UInt8]? {
    if case .bytes(let bytes) = self { return bytes }
    return nil
  }
}
