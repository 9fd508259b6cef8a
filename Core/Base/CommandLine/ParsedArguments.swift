/// The options and positional arguments of one call.
package struct ParsedArguments: Sendable {
  package var path: [String]
  package var positionals: [String]
  private var values: [String: [String]]
  private var flags: Set<String>

  init(path: [String], positionals: [String], values: [String: [String]], flags: Set<String>) {
    self.path = path
    self.positionals = positionals
    self.values = values
    self.flags = flags
  }

  package func flag(_ name: String) -> Bool { flags.contains(name) }
  package func value(_ name: String) -> String? { values[name]?.last }
  package func allValues(_ name: String) -> [String] { values[name] ?? [] }
  /// All options that have a value, by their name with the leading dashes. A repeated option has its last
  /// value.
  package var named: [String: String] { values.compactMapValues(\.last) }

  /// - Returns: nil when the option is absent.
  /// - Throws: `UsageError` when the value is not an integer in `range`.
  package func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = value(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError("\(name): '\(text)' is not an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
