import Foundation

/// The targets of `Package.swift`, parsed from its text: `swift package` can't run while the tests run.
struct ImportTable {
  struct Row {
    var target: String
    var folder: String
    /// The level of the target's group; nil for programs and tests, which are above all groups.
    var level: Int?
    var imports: Set<String>
    var isTest = false
  }

  var rows: [Row] = []
  /// The groups' folders, from the lowest level up.
  var groups: [String] = []
  var pools: Set<String> = []

  init() throws {
    let text = try String(
      contentsOf: Sources.checkout.appendingPathComponent("Package.swift"), encoding: .utf8)
    var folders: [Substring: String] = [:]
    for match in text.matches(of: /case (\w+) = "([\w\/]+)"/) {
      folders[match.1] = String(match.2)
      groups.append(String(match.2))
    }
    for match in text.matches(of: /room\(\s*"(\w+)", in: \.(\w+)(?:,\s*\[([^\]]*)\])?\s*\)/) {
      let folder = folders[match.2] ?? ""
      rows.append(
        Row(
          target: String(match.1), folder: "\(folder)/\(match.1)", level: groups.firstIndex(of: folder),
          imports: Self.names(match.3)))
      if match.2 == "workers" { pools.insert(String(match.1)) }
    }
    for match in text.matches(
      of: /program\(\s*"(\w+)", path: "([\w\/]+)",\s*(?:exclude: \[[^\]]*\],\s*)?\[([^\]]*)\]( \+ pools)?/)
    {
      let imports = Self.names(match.3).union(match.4 == nil ? [] : pools)
      rows.append(Row(target: String(match.1), folder: String(match.2), imports: imports))
    }
    for match in text.matches(of: /[^.](?:tests|testRoom)\(\s*"(\w+)",\s*\[([^\]]*)\]/) {
      rows.append(
        Row(
          target: String(match.1), folder: "Tests/\(match.1)", imports: Self.names(match.2), isTest: true))
    }
  }

  private static func names(_ list: Substring?) -> Set<String> {
    Set((list ?? "").matches(of: /"(\w+)"/).map { String($0.1) })
  }
}
