import Failures
import Foundation

/// TCP ports of 127.0.0.1.
package enum FreePort {
  package static func isFree(_ port: UInt16) -> Bool { bound(port) != nil }

  /// Below the range from which Linux takes the ports of outgoing connections: until a server binds the port that was
  /// found, no connection can take it.
  private static let range: ClosedRange<UInt16> = 10_240...32_000

  /// - Parameter preferred: is taken when it is free; 0 prefers none.
  /// - Returns: a port that is free now.
  /// - Throws: `Unavailable` when no port is free.
  package static func find(preferred: UInt16) throws -> UInt16 {
    if preferred != 0, let port = bound(preferred) { return port }
    for _ in 0..<100 {
      if let port = bound(.random(in: range)) { return port }
    }
    guard let port = bound(0) else { throw Unavailable("no port is free on 127.0.0.1") }
    return port
  }

  /// True when a server accepts connections on the port. The check connects instead of binding, so that it can't take
  /// the port from a server that is starting.
  package static func answers(_ port: UInt16) -> Bool {
    unsafe opened(port) { unsafe connect($0, $1, $2) } != nil
  }

  private static func bound(_ port: UInt16) -> UInt16? { unsafe opened(port) { unsafe bind($0, $1, $2) } }

  /// - Returns: the local port of a socket of 127.0.0.1 after `call` succeeded with it; nil when `call`
  ///   failed.
  private static func opened(
    _ port: UInt16, _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> UInt16? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var one: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isDone = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        guard unsafe call(descriptor, generic, length) == 0 else { return false }
        return unsafe getsockname(descriptor, generic, &length) == 0
      }
    }
    return isDone ? UInt16(bigEndian: address.sin_port) : nil
  }
}
