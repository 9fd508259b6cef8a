import Foundation

/// The file that this process runs from: children are started from it, whatever the working directory and PATH are.
package enum OwnExecutable {
  package static let url = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  /// The same program for as long as this process runs, also when its file is replaced meanwhile.
  package static let running = "/proc/\(getpid())/exe"
}
