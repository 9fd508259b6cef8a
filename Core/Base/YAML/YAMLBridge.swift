internal import CYAML

/// Reads one YAML document with libyaml. Scalars stay text, because the types that YAML 1.1 guesses (`no`,
/// `1_000`) are surprising.
package enum YAML {
  /// The limit also counts the nodes that aliases repeat: a few lines of aliases could stand for billions of nodes.
  private static let nodesMax = 100_000
  private static let depthMax = 16

  /// - Throws: `YAMLError` for a syntax error, for a key that appears twice, for nesting deeper than 16 levels and for
  ///   more than 100,000 nodes.
  package static func parse(_ text: String) throws(YAMLError) -> YAMLNode {
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else {
      throw YAMLError(rule: "can't be parsed: out of memory")
    }
    defer { unsafe yaml_parser_delete(&parser) }
    var document = unsafe yaml_document_t()
    let bytes = Array(text.utf8)
    let problem: YAMLError? = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
      guard unsafe yaml_parser_load(&parser, &document) == 1 else {
        let reason = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "unreadable"
        return YAMLError(line: Int(unsafe parser.problem_mark.line) + 1, rule: "is not valid YAML: \(reason)")
      }
      return nil
    }
    if let problem { throw problem }
    defer { unsafe yaml_document_delete(&document) }
    guard let root = unsafe yaml_document_get_root_node(&document) else { return .map([]) }
    var left = nodesMax
    return try unsafe node(root, &document, depth: 0, &left)
  }

  private static func node(
    _ pointer: UnsafeMutablePointer<yaml_node_t>, _ document: UnsafeMutablePointer<yaml_document_t>,
    depth: Int, _ left: inout Int
  ) throws(YAMLError) -> YAMLNode {
    let line = Int(unsafe pointer.pointee.start_mark.line) + 1
    // A scalar counts as one more node for each hundred bytes, because aliases may repeat a long text many times.
    left -= 1
    if unsafe pointer.pointee.type == YAML_SCALAR_NODE {
      left -= Int(unsafe pointer.pointee.data.scalar.length) / 100
    }
    guard depth < depthMax else {
      throw YAMLError(line: line, rule: "is nested deeper than \(depthMax) levels")
    }
    guard left > 0 else { throw YAMLError(line: line, rule: "exceeds the limit of \(nodesMax) values") }
    switch unsafe pointer.pointee.type {
    case YAML_SCALAR_NODE:
      let scalar = unsafe pointer.pointee.data.scalar
      let text = unsafe String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return .scalar(text, isPlain: unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE)
    case YAML_SEQUENCE_NODE:
      var items: [YAMLNode] = []
      var item = unsafe pointer.pointee.data.sequence.items.start
      while let current = unsafe item, unsafe current < pointer.pointee.data.sequence.items.top {
        if let child = unsafe yaml_document_get_node(document, current.pointee) {
          items.append(try unsafe node(child, document, depth: depth + 1, &left))
        }
        unsafe item = current + 1
      }
      return .list(items)
    default:
      var members: [(key: String, value: YAMLNode)] = []
      var names: Set<String> = []
      var pair = unsafe pointer.pointee.data.mapping.pairs.start
      while let current = unsafe pair, unsafe current < pointer.pointee.data.mapping.pairs.top {
        if let key = unsafe yaml_document_get_node(document, current.pointee.key),
          let value = unsafe yaml_document_get_node(document, current.pointee.value),
          case .scalar(let name, _) = try unsafe node(key, document, depth: depth + 1, &left)
        {
          guard names.insert(name).inserted else {
            throw YAMLError(line: line, rule: "holds the key '\(name)' twice")
          }
          members.append((name, try unsafe node(value, document, depth: depth + 1, &left)))
        }
        unsafe pair = current + 1
      }
      return .map(members)
    }
  }
}
