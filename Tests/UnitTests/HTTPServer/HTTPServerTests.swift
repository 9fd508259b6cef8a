import Foundation
import HTTPClient
import HTTPServer
import Synchronization
import Testing

// Goal: requests arrive completely. Responses may be sent later, from any task, at once or in pieces. Nobody waits
// for a client that disconnected or a server that stopped. Method: our own client with our server.

private final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func add(_ number: Int) { count.withLock { $0 += number } }
}

@Suite(.timeLimit(.minutes(20))) struct HTTPServerTests {
  private let client = HTTPClient()

  private func url(_ server: HTTPServer, _ path: String = "/") -> String {
    "http://127.0.0.1:\(server.port)\(path)"
  }

  private func start(
    _ limits: HTTPServerLimits = HTTPServerLimits(), _ handle: @escaping @Sendable (HTTPExchange) -> Void
  ) throws -> HTTPServer {
    try HTTPServer.start(host: "127.0.0.1", port: 0, limits: limits, handle: handle)
  }

  @Test("method, path, query, headers and body arrive, also a body that is not text")
  func request() async throws {
    let seen = Mutex<HTTPServerRequest?>(nil)
    let server = try start { exchange in
      seen.withLock { $0 = exchange.request }
      exchange.respond(HTTPResponse(status: 201, headers: [("X-Answer", "yes")], body: "made"))
    }
    let body = [UInt8]((0..<200_000).map { UInt8(truncatingIfNeeded: $0) })
    let (status, answer) = try await client.response(
      HTTPRequest(
        url: url(server, "/a%20b/c?x=1%262&y="), headers: [("X-Tenant", "blue")], body: body,
        timeout: .seconds(200)))
    #expect(status == 201 && String(decoding: answer, as: UTF8.self) == "made")
    let request = try #require(seen.withLock { $0 })
    #expect(request.method == "POST" && request.path == "/a b/c")
    #expect(request.query.map { "\($0.name)=\($0.value)" } == ["x=1&2", "y="])
    #expect(request.header("x-tenant") == "blue" && request.header("absent") == nil)
    #expect(request.body == body)
  }

  @Test("a body over the limit is answered with 413 and reaches no handler")
  func tooLarge() async throws {
    let count = Mutex(0)
    var limits = HTTPServerLimits()
    limits.bodyBytesMax = 1000
    let server = try start(limits) { exchange in
      count.withLock { $0 += 1 }
      exchange.respond(HTTPResponse(status: 200, body: "\(exchange.request.body.count)"))
    }
    func status(_ size: Int) async throws -> Int {
      let body = [UInt8](repeating: 1, count: size)
      return try await client.response(HTTPRequest(url: url(server), body: body, timeout: .seconds(200)))
        .status
    }
    #expect(try await status(1001) == 413)
    #expect(try await status(1000) == 200)
    #expect(count.withLock { $0 } == 1)
  }

  @Test("an exchange is answered later from another task, with 40 waiting at the same time")
  func later() async throws {
    let (exchanges, continuation) = AsyncStream.makeStream(
      of: HTTPExchange.self, bufferingPolicy: .bufferingOldest(100))
    let server = try start { continuation.yield($0) }
    try await withThrowingTaskGroup(of: String.self) { group in
      for number in 0..<40 {
        group.addTask {
          let request = HTTPRequest(url: url(server, "/\(number)"), timeout: .seconds(200))
          return String(decoding: try await client.response(request).body, as: UTF8.self)
        }
      }
      var waiting: [HTTPExchange] = []
      for await exchange in exchanges {
        waiting.append(exchange)
        if waiting.count == 40 { break }
      }
      for exchange in waiting.reversed() {
        exchange.respond(HTTPResponse(status: 200, body: "to \(exchange.request.path)"))
        exchange.respond(HTTPResponse(status: 500, body: "a second answer does not count"))
      }
      var answers: Set<String> = []
      for try await answer in group { answers.insert(answer) }
      #expect(answers == Set((0..<40).map { "to /\($0)" }))
    }
  }

  @Test("an exchange that nobody answers results in 500, an unfinished body in an error")
  func dropped() async throws {
    let (writers, continuation) = AsyncStream.makeStream(of: HTTPBodyWriter.self, bufferingPolicy: .unbounded)
    let server = try start { exchange in
      if exchange.request.path == "/part" {
        continuation.yield(exchange.stream(status: 200, contentType: .text))
      }
    }
    let answer = try await client.response(HTTPRequest(url: url(server), timeout: .seconds(200)))
    #expect(answer.status == 500)
    async let part = client.response(HTTPRequest(url: url(server, "/part"), timeout: .seconds(200)))
    for await writer in writers {
      try await writer.write(Array("half of it".utf8))
      break
    }
    do {
      _ = try await part
      Issue.record("a partial body must be an error")
    } catch is HTTPClientFailure {}
  }

  @Test("only the first response counts, whole or streamed")
  func secondResponse() async throws {
    let (writers, continuation) = AsyncStream.makeStream(of: HTTPBodyWriter.self, bufferingPolicy: .unbounded)
    let server = try start { exchange in
      exchange.respond(HTTPResponse(status: 200, body: "first"))
      continuation.yield(exchange.stream(status: 500, contentType: .json))
      exchange.respond(HTTPResponse(status: 500, body: "third"))
    }
    let (status, body) = try await client.response(HTTPRequest(url: url(server), timeout: .seconds(200)))
    #expect(status == 200 && String(decoding: body, as: UTF8.self) == "first")
    for await writer in writers {
      await #expect(throws: HTTPFailure.self) { try await writer.write([1]) }
      writer.finish()
      break
    }
  }

  @Test("requests beyond the limit of awaited answers get 503; the others are answered")
  func tooMany() async throws {
    let (exchanges, continuation) = AsyncStream.makeStream(
      of: HTTPExchange.self, bufferingPolicy: .bufferingOldest(100))
    var limits = HTTPServerLimits()
    limits.exchangesMax = 2
    let server = try start(limits) { continuation.yield($0) }
    let base = url(server)
    async let one = client.response(HTTPRequest(url: base, timeout: .seconds(200)))
    async let two = client.response(HTTPRequest(url: base, timeout: .seconds(200)))
    var waiting: [HTTPExchange] = []
    for await exchange in exchanges {
      waiting.append(exchange)
      if waiting.count == 2 { break }
    }
    #expect(try await client.response(HTTPRequest(url: base, timeout: .seconds(200))).status == 503)
    for exchange in waiting { exchange.respond(HTTPResponse(status: 200, body: "")) }
    waiting = []
    let statuses = try await [one.status, two.status]
    #expect(statuses == [200, 200])
  }

  @Test("a server that is released last by its own handler stops without waiting for itself")
  func droppedByHandler() async throws {
    final class Holder: Sendable {
      let server = Mutex<HTTPServer?>(nil)
    }
    let holder = Holder()
    let server = try start { exchange in
      exchange.respond(HTTPResponse(status: 200, body: ""))
      holder.server.withLock { $0 = nil }
    }
    let base = url(server)
    holder.server.withLock { $0 = server }
    // Whether this answer arrives before the connection is closed is chance.
    _ = try? await client.response(HTTPRequest(url: base, timeout: .seconds(200)))
    #expect(holder.server.withLock { $0 == nil })
  }

  @Test("pieces arrive while the response is still being written")
  func stream() async throws {
    let (writers, continuation) = AsyncStream.makeStream(of: HTTPBodyWriter.self, bufferingPolicy: .unbounded)
    let server = try start { continuation.yield($0.stream(status: 200, contentType: .eventStream)) }
    let events = client.send(HTTPRequest(url: url(server), timeout: .seconds(200)))
    var iterator = writers.makeAsyncIterator()
    let writer = try #require(await iterator.next())
    var received = ""
    var sent = 0
    try await writer.write(Array("piece 0;".utf8))
    for try await event in events {
      guard case .body(let bytes) = event else { continue }
      received += String(decoding: bytes, as: UTF8.self)
      sent += 1
      // Write the next piece only after the previous piece has arrived.
      if sent < 5 { try await writer.write(Array("piece \(sent);".utf8)) } else { writer.finish() }
    }
    #expect(received == "piece 0;piece 1;piece 2;piece 3;piece 4;")
  }

  @Test("a writer waits for a slow client, and gets an error when the client has disconnected")
  func backPressure() async throws {
    let (writers, continuation) = AsyncStream.makeStream(of: HTTPBodyWriter.self, bufferingPolicy: .unbounded)
    var limits = HTTPServerLimits()
    limits.streamBytesMax = 100_000
    let server = try start(limits) { continuation.yield($0.stream(status: 200, contentType: .text)) }
    let socket = try Self.connect(server.port)
    _ = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".withCString { send(socket, $0, strlen($0), 0) }
    var iterator = writers.makeAsyncIterator()
    let writer = try #require(await iterator.next())
    let written = Counter()
    let piece = [UInt8](repeating: 65, count: 50_000)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for _ in 0..<2000 {
          try await writer.write(piece)
          written.add(piece.count)
        }
      }
      // The client reads nothing. The writer can write only until the sockets' buffers and the limit are full.
      while written.value == 0 { try await Task.sleep(for: .milliseconds(10)) }
      var last = -1
      while last != written.value {
        last = written.value
        try await Task.sleep(for: .milliseconds(500))
      }
      // Linux's buffers of the two sockets take some ten megabytes at most.
      #expect(last > 0 && last < 16_000_000, "\(last) bytes")
      close(socket)
      do {
        try await group.next()
        Issue.record("the writer must learn that its client has disconnected")
      } catch let failure as HTTPFailure {
        #expect(failure.kind == .cancelled)
      }
    }
  }

  @Test("a server stops while exchanges and streams are open")
  func stop() async throws {
    let kept = Mutex<([HTTPExchange], [HTTPBodyWriter])>(([], []))
    var server: HTTPServer? = try start { exchange in
      kept.withLock { kept in
        if exchange.request.path == "/stream" {
          kept.1.append(exchange.stream(status: 200, contentType: .text))
        } else {
          kept.0.append(exchange)
        }
      }
    }
    let base = url(try #require(server))
    async let one = client.response(HTTPRequest(url: base, timeout: .seconds(200)))
    async let two = client.response(HTTPRequest(url: base + "stream", timeout: .seconds(200)))
    while kept.withLock({ $0.0.count + $0.1.count }) < 2 { try await Task.sleep(for: .milliseconds(10)) }
    server = nil
    let answer = try? await one
    #expect(answer == nil || answer?.status == 503)
    do {
      _ = try await two
      Issue.record("an interrupted stream must be an error")
    } catch is HTTPClientFailure {}
    // Calls after the end have no effect.
    let (exchanges, streams) = kept.withLock { $0 }
    for exchange in exchanges { exchange.respond(HTTPResponse(status: 200, body: "late")) }
    await #expect(throws: HTTPFailure.self) { try await streams.first?.write([1]) }
    for stream in streams { stream.finish() }
  }

  @Test("HEAD gets the headers, and a port in use is an error")
  func headAndTakenPort() async throws {
    let server = try start { $0.respond(HTTPResponse(status: 200, contentType: .json, body: "{}")) }
    let socket = try Self.connect(server.port)
    defer { close(socket) }
    _ = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".withCString {
      send(socket, $0, strlen($0), 0)
    }
    var buffer = [UInt8](repeating: 0, count: 4096)
    var text = ""
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      if count <= 0 { break }
      text += String(decoding: buffer[..<count], as: UTF8.self)
    }
    #expect(text.hasPrefix("HTTP/1.1 200") && text.contains("application/json") && text.hasSuffix("\r\n\r\n"))
    #expect(throws: HTTPFailure.self) {
      try HTTPServer.start(host: "127.0.0.1", port: server.port) { _ in }
    }
  }

  @Test("slow connections never keep a probe out, and connections from their address are closed first")
  func dribble() async throws {
    var limits = HTTPServerLimits()
    // The patient connection below waits as long as a busy machine needs for the others.
    limits.requestSecondsMax = 600
    limits.idleSecondsMax = 600
    let server = try start(limits) { $0.respond(HTTPResponse(status: 200, body: "ok")) }
    let (over, connected, port) = (Counter(), Counter(), server.port)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await Self.dribble(port, connected, until: over) }
      // This connection waits, too, but from an address that has few connections.
      let patient = try Self.connect(server.port)
      while connected.value == 0 { try await Task.sleep(for: .milliseconds(10)) }
      // Each probe makes a new connection, as a kubelet does. A connection that is kept alive would prove nothing.
      for _ in 0..<25 {
        #expect(try Self.probe(server.port).hasPrefix("HTTP/1.1 200"))
        try await Task.sleep(for: .milliseconds(40))
      }
      _ = "GET / HTTP/1.0\r\n\r\n".withCString { send(patient, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
      var buffer = [UInt8](repeating: 0, count: 100)
      let count = recv(patient, &buffer, buffer.count, 0)
      #expect(String(decoding: buffer[..<max(0, count)], as: UTF8.self).hasPrefix("HTTP/1.1 200"))
      close(patient)
      over.add(1)
      try await group.waitForAll()
    }
  }

  /// The answer to a request over a new connection; empty if none arrives within five seconds.
  private static func probe(_ port: UInt16) throws -> String {
    let socket = try connect(port)
    defer { close(socket) }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    _ = "GET / HTTP/1.0\r\n\r\n".withCString { send(socket, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = recv(socket, &buffer, buffer.count, 0)
    return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
  }

  /// Keeps 200 connections, three times as many as the server allows, and opens each again when it is closed.
  private static func dribble(_ port: UInt16, _ connected: Counter, until over: Counter) async throws {
    var sockets = try (0..<200).map { _ in try connect(port, from: 0x7F00_0002) }
    connected.add(1)
    while over.value == 0 {
      for index in sockets.indices where send(sockets[index], "G", 1, Int32(MSG_NOSIGNAL)) < 1 {
        close(sockets[index])
        sockets[index] = try connect(port, from: 0x7F00_0002)
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    for socket in sockets { close(socket) }
  }

  @Test("a request that arrives too slowly loses its connection at the next one; an awaited answer does not")
  func slowRequest() async throws {
    var limits = HTTPServerLimits()
    limits.requestSecondsMax = 1
    let kept = Mutex<HTTPExchange?>(nil)
    let server = try start(limits) { exchange in
      if exchange.request.path == "/late" {
        kept.withLock { $0 = exchange }
      } else {
        exchange.respond(HTTPResponse(status: 200, body: "ok"))
      }
    }
    async let late = client.response(HTTPRequest(url: url(server, "/late"), timeout: .seconds(200)))
    let slow = try Self.connect(server.port)
    _ = "GET / HTTP/1.1\r\n".withCString { send(slow, $0, strlen($0), 0) }
    try await Task.sleep(for: .milliseconds(1500))
    #expect(try await client.response(HTTPRequest(url: url(server), timeout: .seconds(60))).status == 200)
    var byte: UInt8 = 0
    #expect(recv(slow, &byte, 1, 0) <= 0, "the slow connection is closed")
    close(slow)
    kept.withLock { $0 }?.respond(HTTPResponse(status: 200, body: "late"))
    #expect(try await late.status == 200)
  }

  private static func connect(_ port: UInt16, from source: UInt32 = 0x7F00_0001) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var own = sockaddr_in()
    own.sin_family = sa_family_t(AF_INET)
    own.sin_addr.s_addr = source.bigEndian
    let bound = withUnsafePointer(to: &own) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(bound == 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(code == 0)
    return descriptor
  }
}
