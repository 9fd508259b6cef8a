/// One command of a tool: its options, its help text, and either subcommands or an action.
///
/// The vocabulary is swift-argument-parser's (argument, option, flag, subcommand); that package can't be
/// fetched where Millrace is built.
package struct Command: Sendable {
  /// A value given by name (`--shards 4`, `--shards=4`) or, when `valueName` is nil, a flag.
  package struct Option: Sendable {
    package var name: String
    package var valueName: String?
    package var help: String
    package var isRepeating = false
    /// Understood, but left out of the help text (where another page lists it).
    package var isHidden = false

    package static func option(
      _ name: String, _ valueName: String, _ help: String, repeating: Bool = false, hidden: Bool = false
    ) -> Option {
      Option(name: name, valueName: valueName, help: help, isRepeating: repeating, isHidden: hidden)
    }

    package static func flag(_ name: String, _ help: String) -> Option {
      Option(name: name, valueName: nil, help: help)
    }
  }

  package typealias Action = @Sendable (ParsedArguments) async throws -> ExitCode

  package var name: String
  package var abstract: String
  package var discussion: String
  package var arguments: String
  package var options: [Option]
  package var subcommands: [Command]
  package var action: Action?

  /// - Parameter arguments: how positional arguments are shown in the usage line, for example `FILE...`.
  package init(
    _ name: String, abstract: String, discussion: String = "", arguments: String = "",
    options: [Option] = [], subcommands: [Command] = [], action: Action? = nil
  ) {
    self.name = name
    self.abstract = abstract
    self.discussion = discussion
    self.arguments = arguments
    self.options = options
    self.subcommands = subcommands
    self.action = action
  }
}

/// What a process reports to its caller; the README has the table.
package struct ExitCode: Sendable, Equatable, RawRepresentable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }
  package static let success = ExitCode(rawValue: 0)
  package static let failure = ExitCode(rawValue: 1)
  /// The command line or a setting is wrong.
  package static let usage = ExitCode(rawValue: 2)
  /// A query was refused: nothing in the documents answers it.
  package static let refused = ExitCode(rawValue: 3)
  /// A query or a document ended `failed`, `expired` or `cancelled`.
  package static let rejected = ExitCode(rawValue: 4)
  /// No answer or state came in time; the work goes on.
  package static let timedOut = ExitCode(rawValue: 5)
  /// The broker or another service can't be reached.
  package static let unavailable = ExitCode(rawValue: 6)
}

/// A command line that can't be understood; the message names the argument and the rule.
package struct UsageError: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

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
  /// All options with a value, by name with the leading dashes.
  package var named: [String: String] { values.compactMapValues(\.last) }

  /// - Throws: `UsageError` when the value is not an integer in `range`.
  package func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let text = value(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError("\(name): '\(text)' is not an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
