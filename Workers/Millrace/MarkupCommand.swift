import CommandLine
import Foundation
import LocalState
import Parsing
import Records

/// The child process of a `MarkupReader`.
enum MarkupCommand {
  static let command = Command(
    MarkupReader.commandName,
    abstract: "Read Markdown or HTML (ingest runs this command in a child process that it can kill).",
    arguments: "TYPE FILE"
  ) { arguments in
    let words = arguments.positionals
    guard words.count == 2, let source = FileManager.default.contents(atPath: words[1]) else {
      throw UsageError("\(MarkupReader.commandName) needs a media type and a file")
    }
    guard let output = MarkupReader.output(of: Array(source), type: words[0]) else {
      throw UsageError("'\(words[0])' must be text/markdown or text/html")
    }
    try FileHandle.standardOutput.write(contentsOf: output)
    return .success
  }
}
