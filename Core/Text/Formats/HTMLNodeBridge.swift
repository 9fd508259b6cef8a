internal import CXML2

/// A node of a document that libxml2 holds. Valid only while its `HTMLTree` exists.
@safe struct HTMLNode {
  private let pointer: OpaquePointer
  init?(_ pointer: OpaquePointer?) {
    guard let pointer = unsafe pointer else { return nil }
    unsafe self.pointer = pointer
  }

  func isSame(as other: HTMLNode) -> Bool { unsafe pointer == other.pointer }

  var isElement: Bool { unsafe millrace_node_type(pointer) == Int32(MILLRACE_NODE_ELEMENT) }
  var isText: Bool { unsafe millrace_node_type(pointer) == Int32(MILLRACE_NODE_TEXT) }
  /// In lower case.
  var name: String {
    unsafe millrace_node_name(pointer).map { unsafe String(cString: $0).lowercased() } ?? ""
  }
  /// The content of a text node.
  var content: String { unsafe millrace_node_content(pointer).map { unsafe String(cString: $0) } ?? "" }
  var child: HTMLNode? { unsafe HTMLNode(millrace_node_child(pointer)) }
  var next: HTMLNode? { unsafe HTMLNode(millrace_node_next(pointer)) }
  var parent: HTMLNode? { unsafe HTMLNode(millrace_node_parent(pointer)) }
}
