import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Settings
import Stage
import Synchronization

/// Keeps every query of a run with its answers.
final class QueryBook: Sendable {
  private struct Entry {
    var at = 0.0
    var late = 0.0
    var status: AnswerRecord.Status?
    var latency = 0.0
    var answers = 0
    var differs = false
    var isCached = false
  }
  private struct State {
    var entries: [Entry]
    var sent = 0
    var finished = 0
    var waits: [String: [Double]] = [:]
    var works: [String: [Double]] = [:]
  }

  private let prefix: String
  private let state: Mutex<State>
  private let problem = Mutex<(any Error)?>(nil)

  func fail(_ error: any Error) { problem.withLock { $0 = $0 ?? error } }
  var failure: (any Error)? { problem.withLock { $0 } }

  init(count: Int, run: String) {
    prefix = "/\(run)-"
    state = Mutex(State(entries: Array(repeating: Entry(), count: count)))
  }

  func send(_ number: Int, at seconds: Double, late milliseconds: Double) {
    state.withLock { state in
      state.entries[number].at = seconds
      state.entries[number].late = max(0, milliseconds)
      state.sent += 1
    }
  }

  /// - Parameter appendedAt: the record's timestamp, in milliseconds since 1970.
  func answer(_ key: [UInt8], _ value: [UInt8], at seconds: Double, appendedAt: Int64) {
    guard let text = String(validating: key, as: UTF8.self), let range = text.range(of: prefix),
      let number = Int(text[range.upperBound...]), let answer = try? AnswerRecord(value: value),
      !answer.isVoid(appendedAtMilliseconds: appendedAt)
    else { return }
    state.withLock { state in
      guard state.entries.indices.contains(number) else { return }
      var entry = state.entries[number]
      defer { state.entries[number] = entry }
      entry.answers += 1
      guard entry.answers == 1 else {
        entry.differs = entry.differs || entry.status != answer.status
        return
      }
      entry.status = answer.status
      entry.latency = (seconds - entry.at) * 1000
      entry.isCached = answer.cache != .miss
      state.finished += 1
      for timing in answer.timings {
        state.waits[timing.stage, default: []].append(timing.waitMilliseconds)
        state.works[timing.stage, default: []].append(timing.workMilliseconds)
      }
    }
  }

  /// Removes the queries that were not sent: nobody needs to wait for them.
  func endSending() { state.withLock { $0.entries.removeLast($0.entries.count - $0.sent) } }

  var isComplete: Bool { state.withLock { $0.finished == $0.entries.count } }

  var progress: String {
    state.withLock { state in
      "\(state.sent) sent, \(state.finished) finished, \(state.sent - state.finished) in flight"
    }
  }

  var report: ReplayReport {
    state.withLock { state in
      var report = ReplayReport()
      report.sent = state.sent
      var perSecond: [Int: Int] = [:]
      for entry in state.entries {
        perSecond[Int(min(1e15, entry.at)), default: 0] += 1
        report.lateness.append(entry.late)
        guard let status = entry.status else {
          report.lost += 1
          continue
        }
        report.states[status.rawValue, default: 0] += 1
        report.latencies.append(entry.latency)
        if entry.isCached { report.cacheHits += 1 }
        if entry.isCached {
          report.cachedLatencies.append(entry.latency)
        } else {
          report.madeLatencies.append(entry.latency)
        }
        if entry.answers > 1 { report.doubled += 1 }
        if entry.differs { report.differing += 1 }
      }
      report.peak = perSecond.values.max() ?? 0
      report.stageWaits = state.waits
      report.stageWorks = state.works
      return report
    }
  }
}
