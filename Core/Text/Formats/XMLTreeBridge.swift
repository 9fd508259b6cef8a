internal import CXML2

/// A parsed XML document, freed with this object.
@safe final class XMLTree {
  private let document: OpaquePointer
  let root: XMLNode

  /// - Returns: nil for what is no well-formed XML, and for elements that nest more than 256 deep.
  init?(_ bytes: [UInt8]) {
    let parsed = unsafe bytes.withUnsafeBytes { unsafe millrace_xml_parse($0.baseAddress, $0.count) }
    guard let parsed = unsafe parsed else { return nil }
    guard let root = unsafe XMLNode(millrace_xml_root(parsed)) else {
      unsafe millrace_xml_free(parsed)
      return nil
    }
    unsafe document = parsed
    self.root = root
  }

  deinit { unsafe millrace_xml_free(document) }
}
