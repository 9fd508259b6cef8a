import Foundation
import Time

/// A process that the supervisor starts, and its state.
struct SupervisedProcess {
  var role: String
  var readiness = Readiness.portFile
  var arguments: [String]
  var executable: String?
  var environment: [String: String] = [:]
  /// The keys of the settings whose secrets the process gets.
  var secrets: [String] = []
  /// The working directory; nil means the supervisor's, so that relative paths in the settings stay valid.
  var folder: String?
  var process: Process?
  var startTime: UInt64 = 0
  var startedAt = ContinuousClock.now
  var restarts = 0
  var nextStart = ContinuousClock.now
  var backoff = Backoff(first: .milliseconds(200), max: .seconds(10))
  /// As shown by `millrace status`: starting, running or back-off.
  var state = "starting"
  var isReady = false
  /// How often the process has ended before it was ready.
  var earlyDeaths = 0
}
