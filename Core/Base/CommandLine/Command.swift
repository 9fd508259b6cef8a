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
