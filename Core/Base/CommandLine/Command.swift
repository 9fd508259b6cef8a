/// One command of a tool: its options, its help text, and either subcommands or an action.
///
/// The vocabulary is swift-argument-parser's (argument, option, flag, subcommand). That package is not used
/// because Millrace depends on no external Swift package.
package struct Command: Sendable {
  /// A value given by name (`--shards 4`, `--shards=4`) or, when `valueName` is nil, a flag.
  package struct Option: Sendable {
    package var name: String
    package var valueName: String?
    package var help: String
    package var isRepeating = false
    /// Accepted, but not listed in the help text, because another page lists it.
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

  /// Runs the command and returns the process's exit code.
  package typealias Action = @Sendable (ParsedArguments) async throws -> ExitCode

  package var name: String
  package var abstract: String
  package var discussion: String
  package var arguments: String
  package var options: [Option]
  package var subcommands: [Command]
  /// The heading under which the parent's help text lists the command; empty: "Commands".
  package var group = ""
  package var action: Action?

  /// - Parameter arguments: the positional arguments as the usage line shows them, for example `FILE...`.
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

  /// The same command under another heading.
  package func listed(under group: String) -> Command {
    var command = self
    command.group = group
    return command
  }
}
