internal import CMicroHTTPD
import Foundation

/// A small HTTP server over libmicrohttpd's own thread.
@safe package final class HTTPServer {
  private let server: OpaquePointer
  private let handler: Handler

  /// - Parameters:
  ///   - host: an IPv4 address.
  ///   - port: 0 for any free port.
  ///   - handle: receives each request on the server's thread, so it must not block. It may answer at once, or
  ///     keep the exchange and answer later from any thread.
  /// - Throws: `HTTPFailure` naming the address when it can't be used.
  package static func start(
    host: String, port: UInt16, limits: HTTPServerLimits = HTTPServerLimits(),
    handle: @escaping @Sendable (HTTPExchange) -> Void
  ) throws(HTTPFailure) -> HTTPServer {
    let handler = Handler(handle)
    let bounds = millrace_http_limits(
      body_bytes_max: limits.bodyBytesMax, stream_bytes_max: limits.streamBytesMax,
      connections_max: UInt32(clamping: limits.connectionsMax),
      exchanges_max: UInt32(clamping: limits.exchangesMax),
      idle_seconds_max: UInt32(clamping: limits.idleSecondsMax),
      request_seconds_max: UInt32(clamping: limits.requestSecondsMax))
    // Not retained: the returned object holds the handler until its deinit has stopped the server.
    let context = unsafe Unmanaged.passUnretained(handler).toOpaque()
    guard let server = unsafe millrace_http_start(host, port, bounds, passToHandler, context) else {
      throw HTTPFailure(
        description: "http.host \(host), http.port \(port): the address can't be used (is it in use?)")
    }
    return unsafe HTTPServer(server, handler)
  }

  private init(_ server: OpaquePointer, _ handler: Handler) {
    unsafe self.server = server
    self.handler = handler
  }

  package var port: UInt16 { unsafe millrace_http_port(server) }

  deinit { withExtendedLifetime(handler) { unsafe millrace_http_stop(server) } }
}

// libmicrohttpd's daemon may be asked for its port from any thread; it is stopped once, in deinit.
extension HTTPServer: @unchecked Sendable {}

private final class Handler: Sendable {
  let handle: @Sendable (HTTPExchange) -> Void
  init(_ handle: @escaping @Sendable (HTTPExchange) -> Void) { self.handle = handle }
}

private func passToHandler(context: UnsafeMutableRawPointer?, exchange: OpaquePointer?) {
  guard let context = unsafe context, let exchange = unsafe exchange else { return }
  let handler = unsafe Unmanaged<Handler>.fromOpaque(context).takeUnretainedValue()
  handler.handle(unsafe HTTPExchange(exchange))
}
