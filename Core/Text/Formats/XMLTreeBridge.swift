internal import CXML2

/// A parsed XML document, freed when neither it nor a node of it is in use.
@safe final class XMLTree {
  private let document: OpaquePointer
  private let first: OpaquePointer

  /// - Returns: nil for bytes that are not well-formed XML, and for elements that nest more than 256 deep.
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

  /// The root element, which every tree has: `init` fails without one.
  var root: XMLNode {
    guard let node = unsafe XMLNode(first, of: self) else { preconditionFailure("a tree has a root") }
    return node
  }

  deinit { unsafe millrace_xml_free(document) }
}
