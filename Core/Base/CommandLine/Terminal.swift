import Foundation

/// Output for people. Logs go through `Logger`.
package enum Terminal {
  /// Prints a line and flushes at once, because the reader of a pipe or a file may be waiting for the line.
  package static func print(_ text: String) {
    Swift.print(harmless(text))
    fflush(nil)
  }
  package static func complain(_ text: String) {
    FileHandle.standardError.write(Data((harmless(text) + "\n").utf8))
  }
  /// True when standard output is a terminal.
  package static var isRead: Bool { isatty(STDOUT_FILENO) == 1 }
  package static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

  /// Replaces control characters, except line breaks and tabs, by U+FFFD. A document, a broker or an LLM may have
  /// written a part of the text, and a terminal obeys control characters.
  package static func harmless(_ text: String) -> String {
    func isControl(_ scalar: Unicode.Scalar) -> Bool {
      scalar.value < 0x20 && scalar != "\n" && scalar != "\t" || (0x7F...0x9F).contains(scalar.value)
    }
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
    return String(result)
  }

  /// Overwrites one line in place. Prints nothing when standard error is not a terminal.
  package static func progress(_ text: String) {
    guard isInteractive else { return }
    FileHandle.standardError.write(Data("\r\u{1B}[K\(harmless(text))".utf8))
  }

  package static func bar(_ done: Int, of total: Int, _ label: String) {
    let width = 30
    let filled = total > 0 ? min(width, max(0, done * width / total)) : width
    progress(
      "[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: width - filled))] "
        + "\(done)/\(total) \(label)")
  }
}
