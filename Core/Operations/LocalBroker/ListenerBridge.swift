import Foundation

/// A listening TCP socket.
final class Listener: Sendable {
  private let descriptor: Int32
  let port: UInt16

  /// - Throws: `StorageError` naming the address when it is in use or not an IPv4 address of this machine.
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

  /// The next connection; nil when the listener has been closed.
  func accept() -> Connection? {
    while true {
      let accepted = acceptConnection(descriptor)
      if accepted >= 0 { return Connection(descriptor: accepted) }
      let code = errno
      if code == EINTR || code == ECONNABORTED { continue }
      if code == EBADF || code == EINVAL { return nil }
      // A temporary fault, for example too many open descriptors or too little memory, must not stop the
      // broker.
      Thread.sleep(forTimeInterval: 0.1)
    }
  }

  func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

private func acceptConnection(_ descriptor: Int32) -> Int32 {
  let accepted = accept(descriptor, nil, nil)
  if accepted >= 0 { _ = fcntl(accepted, F_SETFD, FD_CLOEXEC) }
  return accepted
}
