import CommandLine

/// The progress bar of commands that put documents.
enum DocumentProgress {
  /// - Returns: a function that shows how many documents of `total` have a terminal state. It shows nothing
  ///   for 20 or fewer.
  static func bar(_ total: Int) -> @Sendable (Int) -> Void {
    { done in
      guard total > 20 else { return }
      Terminal.bar(done, of: total, "indexed")
    }
  }

  /// Ends the bar's line.
  static func end(_ total: Int) {
    if total > 20, Terminal.isInteractive { Terminal.complain("") }
  }
}
