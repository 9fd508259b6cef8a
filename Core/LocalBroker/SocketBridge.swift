import Foundation

/// A connected TCP socket, read and written by one thread.
final class Connection {
  private let descriptor: Int32

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var one: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { closeDescriptor(descriptor) }

  /// The peer's address, as Kafka writes it: `/127.0.0.1`.
  var peer: String {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let known = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getpeername(descriptor, $0, &length) == 0
      }
    }
    guard known else { return "/unknown" }
    let bytes = UInt32(bigEndian: address.sin_addr.s_addr)
    return "/" + [24, 16, 8, 0].map { "\(bytes >> UInt32($0) & 0xFF)" }.joined(separator: ".")
  }

  /// Wakes the thread that is blocked in a read; for shutdown.
  func interrupt() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Exactly `count` bytes, nil when the peer is gone.
  func read(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe recv(descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, 0)
      }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return nil }
      filled += got
    }
    return bytes
  }

  /// - Returns: false when the peer is gone.
  func write(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let put = unsafe bytes.withUnsafeBytes { buffer in
        unsafe send(
          descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if put < 0, errno == EINTR { continue }
      guard put > 0 else { return false }
      sent += put
    }
    return true
  }
}

// One thread reads and writes; `interrupt` is safe from any.
extension Connection: @unchecked Sendable {}

/// A listening TCP socket.
final class Listener: Sendable {
  private let descriptor: Int32
  let port: UInt16

  /// - Throws: `StorageError` naming the address when it is taken or unknown.
  init(host: String, port: UInt16) throws(StorageError) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    func fail(_ call: String, _ descriptor: Int32) -> StorageError {
      let reason = unsafe String(cString: strerror(errno))
      closeDescriptor(descriptor)
      return StorageError(call: "\(call) \(host):\(port)", code: errno, detail: reason)
    }
    var one: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard unsafe inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
      closeDescriptor(descriptor)
      throw StorageError(
        call: "listen on \(host):\(port)", code: EINVAL, detail: "the host must be an IPv4 address")
    }
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = self.descriptor
    let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        guard unsafe bind(descriptor, generic, length) == 0 else { return false }
        return unsafe getsockname(descriptor, generic, &length) == 0
      }
    }
    guard bound else { throw fail("listen on", descriptor) }
    guard listen(descriptor, 512) == 0 else { throw fail("listen on", descriptor) }
    self.port = UInt16(bigEndian: address.sin_port)
  }

  deinit { closeDescriptor(descriptor) }

  /// The next connection; nil when the listener was closed.
  func accept() -> Connection? {
    while true {
      let accepted = acceptConnection(descriptor)
      if accepted >= 0 { return Connection(descriptor: accepted) }
      if errno == EINTR || errno == ECONNABORTED { continue }
      if errno == EMFILE || errno == ENFILE {
        Thread.sleep(forTimeInterval: 0.1)
        continue
      }
      return nil
    }
  }

  func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

private func closeDescriptor(_ descriptor: Int32) { close(descriptor) }

private func acceptConnection(_ descriptor: Int32) -> Int32 {
  let accepted = accept(descriptor, nil, nil)
  if accepted >= 0 { _ = fcntl(accepted, F_SETFD, FD_CLOEXEC) }
  return accepted
}
