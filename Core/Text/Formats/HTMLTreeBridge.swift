internal import CGumbo

/// A parsed document, freed with this object.
@safe final class HTMLTree {
  private let document: OpaquePointer
  /// gumbo's nodes point into the source.
  private let source: UnsafeMutableBufferPointer<CChar>

  /// - Returns: nil when memory is short.
  init?(_ text: String) {
    let bytes = text.utf8
    let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count + 1)
    for (index, byte) in bytes.enumerated() { unsafe copy[index] = CChar(bitPattern: byte) }
    unsafe copy[bytes.count] = 0
    guard let parsed = unsafe millrace_html_parse(copy.baseAddress, bytes.count) else {
      unsafe copy.deallocate()
      return nil
    }
    unsafe source = copy
    unsafe document = parsed
  }

  deinit {
    unsafe millrace_html_free(document)
    unsafe source.deallocate()
  }

  var root: HTMLNode? { unsafe HTMLNode(millrace_html_root(document)) }
}
