import Foundation

/// A connected TCP socket, read and written by one thread.
final class Connection {
  private static let frameBytesAtFirst = 64 << 10
  /// Both limits apply inside a frame. Between frames a peer may be silent without limit.
  private static let silenceSecondsMax = 30
  private static let frameSecondsMax = 300
  /// The time limits of `write`: without taking a byte, and in total. A peer that does not read occupies a thread and
  /// the memory of its response.
  private static let unreadSecondsMax = 10
  private static let answerSecondsMax = 30

  private let descriptor: Int32

  init(descriptor: Int32) {
    self.descriptor = descriptor
    var one: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    var limit = timeval(tv_sec: Self.unreadSecondsMax, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { closeDescriptor(descriptor) }

  /// The peer's address in Kafka's form, `/127.0.0.1`.
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

  /// Ends the connection, which wakes a thread that is blocked in it. Used when the broker stops.
  func interrupt() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Reads exactly `count` bytes without a time limit; nil when the connection has ended.
  func read(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = receive(&bytes, from: filled, flags: 0)
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return nil }
      filled += got
    }
    return bytes
  }

  /// Reads the rest of a frame of `count` bytes that begins with `start`; nil when the connection has ended,
  /// or the peer exceeds a time limit.
  ///
  /// The buffer grows as bytes arrive. A peer can claim any length, but must send the bytes before they cost
  /// memory.
  func readFrame(_ count: Int, after start: [UInt8] = []) -> [UInt8]? {
    var bytes = start
    var filled = start.count
    var end: ContinuousClock.Instant?
    defer { if end != nil { setReceiveTimeout(seconds: 0) } }
    while filled < count {
      if filled == bytes.count {
        let room = min(max(bytes.count, Self.frameBytesAtFirst), count - bytes.count)
        bytes += [UInt8](repeating: 0, count: room)
      }
      // Most frames have arrived completely. Set the time limit only when one has not: it costs a system
      // call.
      let got = receive(&bytes, from: filled, flags: end == nil ? Int32(MSG_DONTWAIT) : 0)
      if got > 0 {
        filled += got
      } else if got < 0, errno == EAGAIN, end == nil {
        setReceiveTimeout(seconds: Self.silenceSecondsMax)
        end = ContinuousClock.now + .seconds(Self.frameSecondsMax)
      } else if got == 0 || errno != EINTR {
        return nil
      }
      if let end, ContinuousClock.now > end { return nil }
    }
    return bytes
  }

  /// Like `recv`: a number of bytes, 0 at the end of the stream, -1 with `errno` set.
  private func receive(_ bytes: inout [UInt8], from filled: Int, flags: Int32) -> Int {
    unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe recv(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled, flags)
    }
  }

  /// - Parameter seconds: 0 means no limit.
  private func setReceiveTimeout(seconds: Int) {
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  /// - Returns: false when the connection has ended, or the peer exceeds a time limit.
  func write(_ bytes: [UInt8]) -> Bool {
    let end = ContinuousClock.now + .seconds(Self.answerSecondsMax)
    var sent = 0
    while sent < bytes.count {
      let put = unsafe bytes.withUnsafeBytes { buffer in
        unsafe send(
          descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if put < 0, errno == EINTR { continue }
      guard put > 0 else { return false }
      sent += put
      if sent < bytes.count, ContinuousClock.now > end { return false }
    }
    return true
  }
}

// One thread reads and writes. Any thread may call `interrupt`.
extension Connection: @unchecked Sendable {}

/// Raises this process's limit of open descriptors to the system's maximum, at most 65,536. A broker needs
/// one per connection and a few for the readers of its database.
func raiseDescriptorLimit() {
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  var limit = rlimit()
  guard unsafe getrlimit(resource, &limit) == 0 else { return }
  let wanted = min(limit.rlim_max, 65_536)
  guard limit.rlim_cur < wanted else { return }
  limit.rlim_cur = wanted
  unsafe setrlimit(resource, &limit)
}

func closeDescriptor(_ descriptor: Int32) { close(descriptor) }
