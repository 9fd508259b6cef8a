/// The vocabulary as a tree of bytes. One walk finds the longest token at a position.
struct PieceTrie: Sendable {
  static let root = 0

  /// The id of the token that ends at a node; -1 for none.
  private var ids: [Int32] = [-1]
  /// An open-addressing hash table. The upper 32 bits of an entry are node × 256 + byte, the lower 32 the child. 0
  /// marks an empty slot, because the root is no child.
  private var table: [UInt64]
  private let mask: Int

  /// - Parameter tokens: UTF-8, each with its ID. Of equal tokens, the last one counts.
  init(_ tokens: [(text: [UInt8], id: Int32)]) {
    let bytes = tokens.reduce(0) { $0 + $1.text.count }
    var capacity = 1024
    while capacity < bytes * 2 { capacity *= 2 }
    table = [UInt64](repeating: 0, count: capacity)
    mask = capacity - 1
    for token in tokens {
      var node = Self.root
      for byte in token.text { node = child(of: node, byte) ?? add(node, byte) }
      ids[node] = token.id
    }
  }

  private func place(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
  }

  func child(of node: Int, _ byte: UInt8) -> Int? {
    let key = UInt64(node) << 8 | UInt64(byte)
    var place = place(key)
    while table[place] != 0 {
      if table[place] >> 32 == key { return Int(table[place] & 0xFFFF_FFFF) }
      place = (place + 1) & mask
    }
    return nil
  }

  private mutating func add(_ node: Int, _ byte: UInt8) -> Int {
    let key = UInt64(node) << 8 | UInt64(byte)
    precondition(key < 1 << 32, "a vocabulary of more than 2^24 nodes")
    var place = place(key)
    while table[place] != 0 { place = (place + 1) & mask }
    table[place] = key << 32 | UInt64(ids.count)
    ids.append(-1)
    return ids.count - 1
  }

  /// The node that a text leads to from the root; nil when no token begins with the text.
  func node(of text: [UInt8]) -> Int? {
    var node = Self.root
    for byte in text {
      guard let next = child(of: node, byte) else { return nil }
      node = next
    }
    return node
  }

  /// The longest token in `bytes` from `start`, walking the tree from `node`.
  ///
  /// - Returns: its id, and where it ends; nil for none.
  func longest(_ bytes: [UInt8], from start: Int, at node: Int) -> (id: Int32, end: Int)? {
    var node = node
    var found: (id: Int32, end: Int)?
    for index in start..<bytes.count {
      guard let next = child(of: node, bytes[index]) else { break }
      node = next
      if ids[node] >= 0 { found = (ids[node], index + 1) }
    }
    return found
  }
}
