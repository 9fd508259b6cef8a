extension Command {
  /// The meaning of a command line: run an action, or print a help text.
  package enum Request: Sendable {
    case run(Action, ParsedArguments)
    case help(String)
  }

  /// Reads `arguments` (without the program's name).
  ///
  /// - Throws: `UsageError` for an unknown subcommand or option, a missing or unexpected value, or an
  ///   option that is given twice and can't be repeated.
  package func parse(_ arguments: [String], inherited: [Option] = [], path: [String] = []) throws -> Request {
    let path = path + [name]
    let known = inherited + options
    if let first = arguments.first, let next = subcommands.first(where: { $0.name == first }) {
      return try next.parse(Array(arguments.dropFirst()), inherited: known, path: path)
    }
    var scan = ArgumentScan(known: known)
    try scan.read(arguments)
    if scan.wantsHelp || (action == nil && scan.positionals.isEmpty) {
      return .help(help(path: path, inherited: inherited))
    }
    guard let action else {
      let names = subcommands.map(\.name).joined(separator: ", ")
      throw UsageError(
        "'\(scan.positionals.first ?? "")' is not a command of '\(path.joined(separator: " "))': \(names)")
    }
    return .run(
      action,
      ParsedArguments(path: path, positionals: scan.positionals, values: scan.values, flags: scan.flags))
  }

  /// The text that `--help` prints.
  package func help(path: [String], inherited: [Option]) -> String {
    let usage = subcommands.isEmpty ? arguments : "COMMAND"
    var text = "\(abstract)\n\nUsage: \(path.joined(separator: " ")) \(usage)"
    text += options.isEmpty && inherited.isEmpty ? "\n" : " [options]\n"
    if !discussion.isEmpty { text += "\n\(discussion)\n" }
    let width = subcommands.map(\.name.count).max() ?? 0
    var groups: [String] = []
    for command in subcommands where !groups.contains(command.group) { groups.append(command.group) }
    for group in groups {
      let rows = subcommands.filter { $0.group == group }.map { ($0.name, $0.abstract) }
      text += "\n\(group.isEmpty ? "Commands" : group):\n" + Self.table(rows, width: width)
    }
    for (title, list) in [("Options", options), ("Global options", inherited)] {
      let rows = list.filter { !$0.isHidden }.map { ($0.usage, $0.help) }
      if !rows.isEmpty { text += "\n\(title):\n" + Self.table(rows) }
    }
    return text
  }

  private static func table(_ rows: [(String, String)], width: Int? = nil) -> String {
    let width = min(30, width ?? rows.map(\.0.count).max() ?? 0)
    return rows.map { row in
      let padding = String(repeating: " ", count: max(0, width - row.0.count))
      return "  \(row.0)\(padding)  \(row.1)\n"
    }.joined()
  }
}

extension Command.Option {
  fileprivate var usage: String { valueName.map { "\(name) \($0)" } ?? name }
}

/// The state of reading one command line.
private struct ArgumentScan {
  let known: [Command.Option]
  var positionals: [String] = []
  var values: [String: [String]] = [:]
  var flags: Set<String> = []
  var wantsHelp = false

  init(known: [Command.Option]) { self.known = known }

  mutating func read(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        positionals += rest
        return
      }
      if argument == "--help" || argument == "-h" {
        wantsHelp = true
      } else if argument.hasPrefix("--") {
        try readOption(argument, &rest)
      } else {
        positionals.append(argument)
      }
    }
  }

  private mutating func readOption(_ argument: String, _ rest: inout ArraySlice<String>) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    guard let option = known.first(where: { $0.name == parts[0] }) else {
      throw UsageError("unknown option '\(parts[0])'; --help lists the options")
    }
    guard option.valueName != nil else {
      guard parts.count == 1 else { throw UsageError("\(option.name) takes no value, got '\(parts[1])'") }
      flags.insert(option.name)
      return
    }
    guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
      throw UsageError("\(option.name) needs a value (\(option.valueName ?? ""))")
    }
    if !option.isRepeating, values[option.name] != nil {
      throw UsageError("\(option.name) is given twice")
    }
    values[option.name, default: []].append(value)
  }
}
