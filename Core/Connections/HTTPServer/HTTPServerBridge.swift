internal import CMicroHTTPD
import Foundation

/// A small HTTP server for probes and metrics, over libmicrohttpd's own thread.
@safe package final class HTTPServer {
  private let respond: @Sendable (String) -> HTTPResponse
  private let server: OpaquePointer

  /// - Parameter respond: path to answer; called on the server's thread, must not block for long.
  /// - Throws: `HTTPFailure` naming the address when it is taken.
  package static func start(
    host: String, port: UInt16, respond: @escaping @Sendable (String) -> HTTPResponse
  ) throws(HTTPFailure) -> HTTPServer {
    let box = Responder(respond)
    // Retained for the server's life; released in deinit after the server's thread ended.
    let context = unsafe Unmanaged.passRetained(box).toOpaque()
    guard let server = unsafe millrace_http_start(host, port, answer, context) else {
      unsafe Unmanaged<Responder>.fromOpaque(context).release()
      throw HTTPFailure(
        description: "http.host \(host), http.port \(port): the address can't be used (taken?)")
    }
    return unsafe HTTPServer(respond, server, box)
  }

  private let box: Responder
  private init(
    _ respond: @escaping @Sendable (String) -> HTTPResponse, _ server: OpaquePointer, _ box: Responder
  ) {
    self.respond = respond
    unsafe self.server = server
    self.box = box
  }

  package var port: UInt16 { unsafe millrace_http_port(server) }

  deinit {
    unsafe millrace_http_stop(server)
    unsafe Unmanaged.passUnretained(box).release()
  }
}

// libmicrohttpd's daemon may be asked for its port from any thread; it is stopped once, in deinit.
extension HTTPServer: @unchecked Sendable {}

private final class Responder: Sendable {
  let respond: @Sendable (String) -> HTTPResponse
  init(_ respond: @escaping @Sendable (String) -> HTTPResponse) { self.respond = respond }
}

private func answer(
  context: UnsafeMutableRawPointer?, method: UnsafePointer<CChar>?, path: UnsafePointer<CChar>?,
  status: UnsafeMutablePointer<UInt32>?, type: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
  body: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, length: UnsafeMutablePointer<Int>?
) {
  guard let context = unsafe context, let method = unsafe method, let path = unsafe path else { return }
  let responder = unsafe Unmanaged<Responder>.fromOpaque(context).takeUnretainedValue()
  let isRead = unsafe ["GET", "HEAD"].contains(String(cString: method))
  let response =
    isRead
    ? responder.respond(unsafe String(cString: path))
    : HTTPResponse(status: 405, body: "only GET is served here\n")
  unsafe status?.pointee = UInt32(response.status)
  unsafe type?.pointee = response.contentType.header
  unsafe body?.pointee = strdup(response.body)
  unsafe length?.pointee = response.body.utf8.count
}

extension HTTPResponse.ContentType {
  /// Static C strings: libmicrohttpd copies them into the header.
  fileprivate var header: UnsafePointer<CChar> {
    let text: StaticString =
      switch self {
      case .text: "text/plain; charset=utf-8"
      case .json: "application/json"
      case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
      }
    return unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
