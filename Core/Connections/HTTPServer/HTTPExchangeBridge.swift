internal import CMicroHTTPD
import Foundation

/// A request that waits for its response. An exchange that is released without a response is answered with 500.
@safe package final class HTTPExchange {
  package let request: HTTPServerRequest
  private let exchange: OpaquePointer

  /// Copies the request. Must be called on the server's thread, inside the handler.
  ///
  /// - Parameter exchange: this object takes over its reference.
  init(_ exchange: OpaquePointer) {
    unsafe self.exchange = exchange
    var length = 0
    let bytes = unsafe millrace_http_body(exchange, &length)
    let body = unsafe bytes.map { unsafe Array(UnsafeRawBufferPointer(start: $0, count: length)) } ?? []
    request = unsafe HTTPServerRequest(
      method: String(cString: millrace_http_method(exchange)),
      path: String(cString: millrace_http_path(exchange)),
      query: fields { unsafe millrace_http_each_query(exchange, addField, $0) },
      headers: fields { unsafe millrace_http_each_header(exchange, addField, $0) }, body: body)
  }

  deinit { unsafe millrace_http_release(exchange) }

  /// Answers with a whole body. Only the first response to an exchange counts.
  package func respond(_ response: HTTPResponse) {
    guard unsafe millrace_http_claim(exchange) == 1 else { return }
    addHeaders(response.contentType, response.headers)
    let body = Array(response.body.utf8)
    unsafe body.withUnsafeBytes { bytes in
      unsafe millrace_http_respond(
        exchange, UInt32(clamping: response.status), bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        bytes.count)
    }
  }

  /// Begins a response whose body follows piece by piece. If the exchange already has a response, the writer's
  /// `write` throws.
  package func stream(
    status: Int, contentType: HTTPResponse.ContentType, headers: [HTTPServerRequest.Field] = []
  ) -> HTTPBodyWriter {
    let isFirst = unsafe millrace_http_claim(exchange) == 1
    if isFirst { addHeaders(contentType, headers) }
    return unsafe HTTPBodyWriter(self, isFirst ? exchange : nil, status: UInt32(clamping: status))
  }

  private func addHeaders(
    _ contentType: HTTPResponse.ContentType, _ headers: [HTTPServerRequest.Field]
  ) {
    unsafe millrace_http_add_header(exchange, "Content-Type", contentType.rawValue)
    for header in headers { unsafe millrace_http_add_header(exchange, header.name, header.value) }
  }
}

// The C functions take a lock; the pointer is released once, in deinit.
extension HTTPExchange: @unchecked Sendable {}

private final class Fields {
  var list: [HTTPServerRequest.Field] = []
}

private func fields(_ each: (UnsafeMutableRawPointer) -> Void) -> [HTTPServerRequest.Field] {
  let fields = Fields()
  withExtendedLifetime(fields) { unsafe each(Unmanaged.passUnretained(fields).toOpaque()) }
  return fields.list
}

private func addField(
  context: UnsafeMutableRawPointer?, name: UnsafePointer<CChar>?, value: UnsafePointer<CChar>?
) {
  guard let context = unsafe context, let name = unsafe name, let value = unsafe value else { return }
  let fields = unsafe Unmanaged<Fields>.fromOpaque(context).takeUnretainedValue()
  fields.list.append(unsafe (String(cString: name), String(cString: value)))
}
