internal import CXML2

/// A parsed document, freed with this object.
@safe final class HTMLTree {
  private let document: OpaquePointer

  /// - Returns: nil when libxml2 returns no document, for example for an empty text or for too deep nesting.
  init?(_ source: String) {
    let bytes = Array(source.utf8)
    let parsed = unsafe bytes.withUnsafeBytes { buffer in
      unsafe millrace_html_parse(buffer.baseAddress, buffer.count)
    }
    guard let parsed = unsafe parsed else { return nil }
    unsafe document = parsed
  }

  deinit { unsafe millrace_html_free(document) }

  var root: HTMLNode? { unsafe HTMLNode(millrace_html_root(document)) }
}
