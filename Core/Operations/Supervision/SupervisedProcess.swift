import Foundation
import Time

/// A process that the supervisor starts, and its state.
struct SupervisedProcess {
  var role: String
  var readiness = Readiness.portFile
  var arguments: [String]
  var executable: String?
  var environment: [String: String] = [:]
  /// The settings whose secrets it is given.
  var secrets: [String] = []
  /// Its working folder; nil: that of the supervisor, so that relative paths in the settings mean the same.
  var folder: String?
  var process: Process?
  var startTime: UInt64 = 0
  var startedAt = ContinuousClock.now
  var restarts = 0
  var nextStart = ContinuousClock.now
  var backoff = Backoff(first: .milliseconds(200), max: .seconds(10))
  /// As `status` shows it: starting, running or back-off.
  var state = "starting"
  var isReady = false
  /// How often it died before it was ready for the first time.
  var earlyDeaths = 0
}
