/// A YAML document: maps, lists and scalars.
package indirect enum YAMLNode: Sendable, Equatable {
  /// `isPlain` is true for a scalar without quotes, which may be meant as a number or a boolean.
  case scalar(String, isPlain: Bool)
  case map([(key: String, value: YAMLNode)])
  case list([YAMLNode])

  package static func == (a: YAMLNode, b: YAMLNode) -> Bool {
    switch (a, b) {
    case (.scalar(let x, _), .scalar(let y, _)): x == y
    case (.list(let x), .list(let y)): x == y
    case (.map(let x), .map(let y)): x.elementsEqual(y) { $0.key == $1.key && $0.value == $1.value }
    default: false
    }
  }

  /// The leaves by dotted path, in document order. A list is one leaf, its scalars joined by commas.
  package var leaves: [(key: String, value: String)] { leaves(prefix: "") }

  private func leaves(prefix: String) -> [(key: String, value: String)] {
    switch self {
    case .scalar(let text, _): [(prefix, text)]
    case .list(let items):
      [
        (
          prefix,
          items.compactMap { if case .scalar(let text, _) = $0 { text } else { nil } }.joined(separator: ",")
        )
      ]
    case .map(let members):
      members.flatMap { $0.value.leaves(prefix: prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") }
    }
  }
}
