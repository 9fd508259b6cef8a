import Foundation

/// The file that this process runs from: children are started from it, whatever the working directory and PATH are.
enum OwnExecutable {
  static let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  /// The same program for as long as this process runs, also when its file is replaced meanwhile.
  static let running = "/proc/\(getpid())/exe"
}
