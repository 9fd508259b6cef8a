import Synchronization

/// Set once, when a stop is requested.
final class Stopped: Sendable {
  private let flag = Mutex(false)
  var isSet: Bool { flag.withLock { $0 } }
  func set() { flag.withLock { $0 = true } }
}
