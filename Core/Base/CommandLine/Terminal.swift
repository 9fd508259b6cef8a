import Foundation

/// Output for people. Logs go through `Logger`.
package enum Terminal {
  /// Prints a line and flushes at once, because the reader of a pipe or a file may be waiting for the line.
  package static func print(_ text: String) {
    Swift.print(text)
    fflush(nil)
  }
  package static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
  package static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

  /// Overwrites one line in place. Prints nothing when standard error is not a terminal.
  package static func progress(_ text: String) {
    guard isInteractive else { return }
    FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
  }

  package static func bar(_ done: Int, of total: Int, _ label: String) {
    let width = 30
    let filled = total > 0 ? done * width / total : width
    progress(
      "[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: width - filled))] "
        + "\(done)/\(total) \(label)")
  }
}
