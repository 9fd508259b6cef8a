internal import CGumbo

/// A node of a document that gumbo owns. Valid only while its `HTMLTree` exists.
@safe struct HTMLNode: TreeNode {
  private let pointer: OpaquePointer

  init?(_ pointer: OpaquePointer?) {
    guard let pointer = unsafe pointer else { return nil }
    unsafe self.pointer = pointer
  }

  func isSame(as other: HTMLNode) -> Bool { unsafe pointer == other.pointer }

  var isElement: Bool { unsafe millrace_html_type(pointer) == Int32(MILLRACE_HTML_ELEMENT) }
  var isText: Bool { unsafe millrace_html_type(pointer) == Int32(MILLRACE_HTML_TEXT) }

  /// The name in lower case; empty for a node that is not an element.
  var name: String {
    guard isElement else { return "" }
    var count = 0
    guard let start = unsafe millrace_html_name(pointer, &count) else { return "" }
    return unsafe String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
      .lowercased()
  }

  /// The content of a text node.
  var content: String { unsafe millrace_html_text(pointer).map { unsafe String(cString: $0) } ?? "" }

  func attribute(_ name: String) -> String? {
    unsafe millrace_html_attribute(pointer, name).map { unsafe String(cString: $0) }
  }

  var child: HTMLNode? { unsafe HTMLNode(millrace_html_child(pointer)) }
  var next: HTMLNode? { unsafe HTMLNode(millrace_html_next(pointer)) }
  var parent: HTMLNode? { unsafe HTMLNode(millrace_html_parent(pointer)) }

  /// The children, in order.
  var children: [HTMLNode] {
    var children: [HTMLNode] = []
    var node = child
    while let current = node {
      children.append(current)
      node = current.next
    }
    return children
  }
}
