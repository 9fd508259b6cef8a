/// A request as it arrived, with its whole body.
package struct HTTPServerRequest: Sendable {
  package typealias Field = (name: String, value: String)

  package var method: String
  /// The path of the URL, decoded, without the query.
  package var path: String
  /// Names and values of the URL's query, decoded, in their order.
  package var query: [Field]
  package var headers: [Field]
  package var body: [UInt8]

  /// The first value of a header; names are compared without regard to case.
  package func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}
