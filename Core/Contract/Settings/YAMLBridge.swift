internal import CYAML

/// Reads one YAML document with libyaml. Scalars stay text, because the types that YAML 1.1 guesses (`no`,
/// `1_000`) are surprising.
package enum YAML {
  /// - Throws: `SettingsError` with the line of a syntax error, for a key that appears twice, and for
  ///   nesting deeper than 16 levels.
  package static func parse(_ text: String, source: String) throws(SettingsError) -> YAMLNode {
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else {
      throw SettingsError(key: source, value: "", rule: "cannot be parsed: out of memory")
    }
    defer { unsafe yaml_parser_delete(&parser) }
    var document = unsafe yaml_document_t()
    let bytes = Array(text.utf8)
    let problem: SettingsError? = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
      guard unsafe yaml_parser_load(&parser, &document) == 1 else {
        let reason = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "unreadable"
        return SettingsError(
          key: source, value: "line \(unsafe parser.problem_mark.line + 1)", rule: "is no YAML: \(reason)")
      }
      return nil
    }
    if let problem { throw problem }
    defer { unsafe yaml_document_delete(&document) }
    guard let root = unsafe yaml_document_get_root_node(&document) else { return .map([]) }
    return try unsafe node(root, &document, source: source, depth: 0)
  }

  private static func node(
    _ pointer: UnsafeMutablePointer<yaml_node_t>, _ document: UnsafeMutablePointer<yaml_document_t>,
    source: String,
    depth: Int
  ) throws(SettingsError) -> YAMLNode {
    guard depth < 16 else {
      throw SettingsError(key: source, value: "", rule: "is nested deeper than 16 levels")
    }
    switch unsafe pointer.pointee.type {
    case YAML_SCALAR_NODE:
      let scalar = unsafe pointer.pointee.data.scalar
      return .scalar(
        unsafe String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      )
    case YAML_SEQUENCE_NODE:
      var items: [YAMLNode] = []
      var item = unsafe pointer.pointee.data.sequence.items.start
      while let current = unsafe item, unsafe current < pointer.pointee.data.sequence.items.top {
        if let child = unsafe yaml_document_get_node(document, current.pointee) {
          items.append(try unsafe node(child, document, source: source, depth: depth + 1))
        }
        unsafe item = current + 1
      }
      return .list(items)
    default:
      var members: [(key: String, value: YAMLNode)] = []
      var pair = unsafe pointer.pointee.data.mapping.pairs.start
      while let current = unsafe pair, unsafe current < pointer.pointee.data.mapping.pairs.top {
        if let key = unsafe yaml_document_get_node(document, current.pointee.key),
          let value = unsafe yaml_document_get_node(document, current.pointee.value),
          case .scalar(let name) = try unsafe node(key, document, source: source, depth: depth + 1)
        {
          guard !members.contains(where: { $0.key == name }) else {
            throw SettingsError(key: name, value: source, rule: "appears twice")
          }
          members.append((name, try unsafe node(value, document, source: source, depth: depth + 1)))
        }
        unsafe pair = current + 1
      }
      return .map(members)
    }
  }
}
