import Foundation

/// The executable of this process. Children are started from it, independent of the working directory and of
/// PATH.
package enum OwnExecutable {
  package static let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  /// Leads to the running program even when its file has been replaced.
  package static let running = "/proc/\(getpid())/exe"
}
