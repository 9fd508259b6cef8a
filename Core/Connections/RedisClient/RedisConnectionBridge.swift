internal import CHiredis
internal import CTLS
import Foundation
import Time

/// One connection of hiredis, used by one thread at a time. It waits for replies with `poll`, so that the
/// deadline holds for a whole pipeline, even if the server sends small pieces.
@safe final class RedisConnection {
  private let context: UnsafeMutablePointer<redisContext>
  /// An array reply is cut to this number of elements. No reply to our commands has more.
  private static let argumentsMax = 100_000

  /// Connects, authenticates and selects the database.
  ///
  /// - Throws: `RedisFailure` when Redis is unreachable, does not answer in time, or refuses the password or the
  ///   database.
  init(_ address: RedisAddress, deadline: ContinuousClock.Instant, writeLimit: Duration) throws(RedisFailure)
  {
    guard let context = unsafe try Self.connected(address, deadline) else {
      throw RedisFailure(.unreachable, "out of memory")
    }
    unsafe self.context = context
    guard unsafe context.pointee.err == 0 else {
      throw RedisFailure(.unreachable, "\(address): \(unsafe Self.message(context))")
    }
    unsafe redisSetTimeout(context, Self.timeLeft(.now + writeLimit))
    // Only for TCP: on a Unix socket, which TLS uses too, the call fails and leaves the connection unusable.
    if case .tcp = address.endpoint, !address.isEncrypted { unsafe redisEnableKeepAlive(context) }
    var greetings: [[[UInt8]]] = []
    if !address.password.isEmpty {
      let user = address.user.isEmpty ? [] : [Array(address.user.utf8)]
      greetings.append([Array("AUTH".utf8)] + user + [Array(address.password.utf8)])
    }
    if address.database != 0 {
      greetings.append([Array("SELECT".utf8), Array("\(address.database)".utf8)])
    }
    if greetings.isEmpty { return }
    for reply in try exchange(greetings, deadline: deadline) {
      if case .error(let text) = reply { throw RedisFailure(.refused, text) }
    }
  }

  deinit { unsafe redisFree(context) }

  private static func connected(_ address: RedisAddress, _ deadline: ContinuousClock.Instant)
    throws(RedisFailure)
    -> UnsafeMutablePointer<redisContext>?
  {
    let limit = timeLeft(deadline)
    switch address.endpoint {
    case .tcp(let host, let port) where address.isEncrypted:
      var message = [CChar](repeating: 0, count: 300)
      let milliseconds = Int32(clamping: max(1, (deadline - .now).milliseconds))
      let socket = unsafe millrace_tls_connect(
        host, port, address.caFile.isEmpty ? nil : address.caFile, milliseconds, &message, message.count)
      guard socket >= 0 else {
        let reason = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        throw RedisFailure(.unreachable, "\(address): \(reason)")
      }
      return unsafe redisConnectFd(socket)
    case .tcp(let host, let port): return unsafe redisConnectWithTimeout(host, Int32(port), limit)
    case .unixSocket(let path):
      // The kernel accepts a path of at most 107 bytes (unix(7)). A longer path is reached through an open
      // descriptor of its folder.
      guard path.utf8.count > 107, let slash = path.lastIndex(of: "/") else {
        return unsafe redisConnectUnixWithTimeout(path, limit)
      }
      let folder = unsafe open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { if folder >= 0 { close(folder) } }
      return unsafe redisConnectUnixWithTimeout("/proc/self/fd/\(folder)\(path[slash...])", limit)
    }
  }

  /// Sends all commands in one write and reads all replies.
  ///
  /// - Throws: `RedisFailure` when the connection fails or the deadline passes. The connection is then
  ///   unusable.
  func exchange(_ commands: [[[UInt8]]], deadline: ContinuousClock.Instant) throws(RedisFailure)
    -> [RedisReply]
  {
    for command in commands { try append(command) }
    try flush()
    var replies: [RedisReply] = []
    replies.reserveCapacity(commands.count)
    for _ in commands { replies.append(try reply(deadline: deadline)) }
    return replies
  }

  func append(_ command: [[UInt8]]) throws(RedisFailure) {
    var joined: [UInt8] = []
    for argument in command { joined += argument }
    let lengths = command.map(\.count)
    let code = unsafe joined.withUnsafeBytes { buffer -> Int32 in
      let base = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      var position = 0
      // An empty argument needs a pointer too; it is not read.
      var pointers: [UnsafePointer<CChar>?] = unsafe []
      for length in lengths {
        unsafe pointers.append(unsafe base.map { unsafe $0 + position })
        position += length
      }
      return unsafe redisAppendCommandArgv(context, Int32(command.count), &pointers, lengths)
    }
    guard code == REDIS_OK else { throw RedisFailure(.closed, unsafe Self.message(context)) }
  }

  func flush() throws(RedisFailure) {
    var isDone: Int32 = 0
    while isDone == 0 {
      guard unsafe redisBufferWrite(context, &isDone) == REDIS_OK else {
        throw RedisFailure(.closed, unsafe Self.message(context))
      }
    }
  }

  /// The next reply.
  ///
  /// - Throws: `RedisFailure`: `.timeout` when there is no reply by the deadline, `.closed` when the
  ///   connection fails.
  func reply(deadline: ContinuousClock.Instant) throws(RedisFailure) -> RedisReply {
    while true {
      var found: UnsafeMutableRawPointer?
      guard unsafe redisReaderGetReply(context.pointee.reader, &found) == REDIS_OK else {
        throw RedisFailure(.closed, "the reply is not valid RESP")
      }
      if let found = unsafe found {
        defer { unsafe freeReplyObject(found) }
        return unsafe Self.read(found.assumingMemoryBound(to: redisReply.self))
      }
      let left = deadline - ContinuousClock.now
      guard left >= .zero else { throw RedisFailure(.timeout, "no reply in time") }
      var descriptor = pollfd(fd: unsafe context.pointee.fd, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&descriptor, 1, Int32(clamping: left.milliseconds + 1))
      if ready == 0 { throw RedisFailure(.timeout, "no reply in time") }
      if ready < 0, errno == EINTR { continue }
      guard unsafe redisBufferRead(context) == REDIS_OK else {
        throw RedisFailure(.closed, unsafe Self.message(context))
      }
    }
  }

  private static func timeLeft(_ deadline: ContinuousClock.Instant) -> timeval {
    let microseconds = max(1000, (deadline - ContinuousClock.now).microseconds)
    return timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
  }

  private static func message(_ context: UnsafeMutablePointer<redisContext>) -> String {
    // `errstr` is a C array inside the struct. hiredis terminates it with a zero.
    unsafe withUnsafeBytes(of: context.pointee.errstr) { buffer in
      unsafe String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  private static func read(_ reply: UnsafeMutablePointer<redisReply>) -> RedisReply {
    func text() -> [UInt8] {
      guard let start = unsafe reply.pointee.str else { return [] }
      return unsafe Array(UnsafeRawBufferPointer(start: start, count: reply.pointee.len))
    }
    switch unsafe reply.pointee.type {
    case REDIS_REPLY_STRING: return .bytes(text())
    case REDIS_REPLY_STATUS: return .status(String(decoding: text(), as: UTF8.self))
    case REDIS_REPLY_INTEGER: return .integer(unsafe reply.pointee.integer)
    case REDIS_REPLY_ERROR: return .error(String(decoding: text(), as: UTF8.self))
    case REDIS_REPLY_ARRAY:
      let count = min(unsafe reply.pointee.elements, argumentsMax)
      var elements: [RedisReply] = []
      for index in 0..<count {
        if let element = unsafe reply.pointee.element[index] { elements.append(unsafe read(element)) }
      }
      return .array(elements)
    default: return .null
    }
  }
}
