internal import CXML2

/// An element or text in a document that libxml2 owns. A node keeps its tree alive, so it stays valid while it is used.
@safe struct XMLNode: TreeNode {
  private let pointer: OpaquePointer
  private let tree: XMLTree

  init?(_ pointer: OpaquePointer?, of tree: XMLTree) {
    guard let pointer = unsafe pointer else { return nil }
    unsafe self.pointer = pointer
    self.tree = tree
  }

  func isSame(as other: XMLNode) -> Bool { unsafe pointer == other.pointer }
  var isText: Bool { unsafe millrace_xml_type(pointer) == Int32(MILLRACE_XML_TEXT) }

  /// The name without its prefix; empty for a node that is not an element.
  var name: String {
    guard unsafe millrace_xml_type(pointer) == Int32(MILLRACE_XML_ELEMENT) else { return "" }
    return unsafe millrace_xml_name(pointer).map { unsafe String(cString: $0) } ?? ""
  }

  var content: String { unsafe millrace_xml_text(pointer).map { unsafe String(cString: $0) } ?? "" }

  /// - Parameter name: without a prefix.
  func attribute(_ name: String) -> String? {
    guard let text = unsafe millrace_xml_attribute(pointer, name) else { return nil }
    defer { unsafe millrace_xml_free_text(text) }
    return unsafe String(cString: text)
  }

  var child: XMLNode? { unsafe XMLNode(millrace_xml_child(pointer), of: tree) }
  var next: XMLNode? { unsafe XMLNode(millrace_xml_next(pointer), of: tree) }
  var parent: XMLNode? { unsafe XMLNode(millrace_xml_parent(pointer), of: tree) }

  /// The elements directly below, in order.
  var children: [XMLNode] {
    var children: [XMLNode] = []
    var node = child
    while let current = node {
      if !current.name.isEmpty { children.append(current) }
      node = current.next
    }
    return children
  }

  /// The first element below with this name, directly or not.
  func first(_ name: String) -> XMLNode? {
    var found: XMLNode?
    walk { node in
      if found == nil, node.name == name { found = node }
      return found == nil
    }
    return found
  }

  /// All text below.
  var text: String {
    var text = ""
    walk { node in
      if node.isText { text += node.content }
      return true
    }
    return text
  }
}
