/// An answer to a GET.
package struct HTTPResponse: Sendable {
  package enum ContentType: Sendable { case text, json, prometheus }
  package var status: Int
  package var contentType: ContentType
  package var body: String

  package init(status: Int, contentType: ContentType = .text, body: String) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}
