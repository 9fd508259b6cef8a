internal import CXML2

/// A parsed XML document, freed when neither it nor a node of it is in use.
@safe final class XMLTree {
  private let document: OpaquePointer
  private let first: OpaquePointer

  /// - Returns: nil for what is no well-formed XML, and for elements that nest more than 256 deep.
  init?(_ bytes: [UInt8]) {
    let parsed = unsafe bytes.withUnsafeBytes { unsafe millrace_xml_parse($0.baseAddress, $0.count) }
    guard let parsed = unsafe parsed else { return nil }
    guard let root = unsafe millrace_xml_root(parsed) else {
      unsafe millrace_xml_free(parsed)
      return nil
    }
    unsafe document = parsed
    unsafe first = root
  }

  /// Never nil: a tree without a root is none.
  var root: XMLNode {
    guard let node = unsafe XMLNode(first, of: self) else { preconditionFailure("a tree has a root") }
    return node
  }

  deinit { unsafe millrace_xml_free(document) }
}
