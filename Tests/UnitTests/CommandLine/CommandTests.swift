// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Records
import Testing

@Suite struct CommandTests {
  private let tool = Command(
    "tool", abstract: "t", options: [.flag("--json", "j")],
    subcommands: [
      Command(
        "go", abstract: "g", options: [.option("--n", "N", "n"), .option("--p", "P", "p", repeating: true)]
      ) { _ in
        .success
      }
    ])

  @Test("options, flags and positionals are parsed in any order")
  func parsing() throws {
    guard
      case .run(_, let arguments) = try tool.parse([
        "go", "a", "--n=3", "--p", "x", "--json", "--p", "y", "--", "--z",
      ])
    else {
      Issue.record("no action")
      return
    }
    #expect(arguments.positionals == ["a", "--z"] && arguments.flag("--json"))
    let number = try arguments.integer("--n", in: 1...5)
    #expect(number == 3)
    #expect(arguments.allValues("--p") == ["x", "y"])
    #expect(throws: UsageError.self) { try arguments.integer("--n", in: 4...5) }
  }

  @Test(
    "invalid command lines are refused",
    arguments: [["x"], ["go", "--q"], ["go", "--n"], ["go", "--json=1"], ["go", "--n", "1", "--n", "2"]])
  func mistakes(_ words: [String]) {
    #expect(throws: UsageError.self) { try tool.parse(words) }
  }

  @Test("--help lists the options")
  func help() throws {
    guard case .help(let text) = try tool.parse(["go", "--help"]) else {
      Issue.record("no help")
      return
    }
    #expect(text.contains("--n N") && text.contains("--json"))
  }
}
