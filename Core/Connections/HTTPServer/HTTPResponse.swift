/// A response with its whole body.
package struct HTTPResponse: Sendable {
  package enum ContentType: String, Sendable {
    case text = "text/plain; charset=utf-8"
    case json = "application/json"
    case prometheus = "text/plain; version=0.0.4; charset=utf-8"
    case eventStream = "text/event-stream"
  }
  package var status: Int
  package var contentType: ContentType
  package var headers: [HTTPServerRequest.Field]
  package var body: String

  package init(
    status: Int, contentType: ContentType = .text, headers: [HTTPServerRequest.Field] = [], body: String
  ) {
    self.status = status
    self.contentType = contentType
    self.headers = headers
    self.body = body
  }
}
