/// A node of a tree that a C library owns.
protocol TreeNode {
  var child: Self? { get }
  var next: Self? { get }
  var parent: Self? { get }
  func isSame(as other: Self) -> Bool
}

extension TreeNode {
  /// Calls `visit` with this node and all nodes below it, in the order of the source. The nodes below one for which it
  /// returns false are left out. It does not recurse, so that a deep tree can't overflow the stack.
  func walk(_ visit: (Self) -> Bool) {
    var node = self
    while true {
      if visit(node), let child = node.child {
        node = child
        continue
      }
      while node.next == nil || node.isSame(as: self) {
        if node.isSame(as: self) { return }
        guard let parent = node.parent else { return }
        node = parent
      }
      guard let next = node.next else { return }
      node = next
    }
  }
}
