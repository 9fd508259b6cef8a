import BlockingExecutor
import CommandLine
import HTTPClient
import Pools
import Foundation
import KafkaClient
import LocalState
import Records
import Settings
import Stage
import Supervision

enum StatusCommand {
  static let command = Command(
    "status", abstract: "Show the endpoints and each process of `up`, with restarts and lag."
  ) { arguments in
    let directory = try StateDirectory.find(arguments)
    guard let record = directory.read() else {
      throw NothingRuns(directory)
    }
    let runs = record.supervisor.isAlive
    let settings = try Configuration.settings(arguments, mustRun: false)
    let lags = runs ? await lags(settings) : [:]
    let calls = runs ? await calls(record) : [:]
    if arguments.flag("--json") {
      Terminal.print(json(record, runs, lags, calls).text)
      return runs ? .success : .unavailable
    }
    Terminal.print(
      "state \(directory.path): \(runs ? (record.isReady ? "ready" : "starting") : "not running")")
    if !runs, record.processes.contains(where: \.identity.isAlive) {
      Terminal.print(
        "`up` was killed, and some of its processes still run: `millrace up` replaces them, `millrace down` ends them"
      )
    }
    for (name, address) in record.endpoints.sorted(by: { $0.key < $1.key }) {
      Terminal.print("\(name) \(address)")
    }
    for process in record.processes {
      let state = state(of: process, runs)
      Terminal.print(
        "\(process.role.padding(toLength: 16, withPad: " ", startingAt: 0)) pid \(process.pid)  \(state)  restarts "
          + "\(process.restarts)  lag \(lags[process.role].map(String.init) ?? "-")"
          + (calls[process.role]?.summary.map { "  \($0)" } ?? ""))
      if calls[process.role]?.isFailing == true {
        Terminal.print(
          "  the LLM fails: `millrace doctor` asks it a question; \(directory.logsPath) has its log")
      }
    }
    return runs ? .success : .unavailable
  }

  /// A killed supervisor leaves its processes running. Nobody restarts them then.
  private static func state(of process: StateRecord.ProcessEntry, _ runs: Bool) -> String {
    if runs { return process.state }
    return process.identity.isAlive ? "unsupervised" : "ended"
  }

  private static func json(
    _ record: StateRecord, _ runs: Bool, _ lags: [String: Int64], _ calls: [String: LLMCalls]
  ) -> JSONValue {
    .object([
      "running": .bool(runs), "ready": .bool(runs && record.isReady),
      "endpoints": .object(
        record.endpoints.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: .string($0.value)) }
      ),
      "processes": .array(
        record.processes.map { process in
          .object([
            "role": .string(process.role), "pid": .int(process.pid),
            "state": .string(state(of: process, runs)), "restarts": .int(process.restarts),
            "http_port": process.httpPort.map(JSONValue.int), "lag": lags[process.role].map(JSONValue.int),
            "llm": calls[process.role].map(json),
          ])
        }),
    ])
  }

  private static func json(_ calls: LLMCalls) -> JSONValue {
    .object([
      "calls": .int(calls.count),
      "fallbacks": .object(
        calls.fallbacks.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: .int($0.value)) }),
    ])
  }

  /// The calls to the LLM by role. Only generate has any; its role is missing when its process does not answer.
  private static func calls(_ record: StateRecord) async -> [String: LLMCalls] {
    let blocking = BlockingCalls(name: "status")
    var calls: [String: LLMCalls] = [:]
    for process in record.processes where process.role == Pool.generate.name {
      guard let port = process.httpPort else { continue }
      let page = await blocking.run {
        HTTPProbe.get(host: "127.0.0.1", port: port, path: ProbeService.metricsPath)
      }
      if let page, page.0 == 200 { calls[process.role] = LLMCalls(metrics: page.1) }
    }
    return calls
  }

  /// Lag by role. Roles are missing when the broker does not answer.
  private static func lags(_ settings: Settings) async -> [String: Int64] {
    let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-status"))
    var lags: [String: Int64] = [:]
    for group in ConsumerGroup.all(of: settings.search.layout) {
      guard let lag = try? await admin.lag(group: settings.group(group), settings.partitions(of: group))
      else { break }
      lags[group.pool.name, default: 0] += lag.values.reduce(0, +)
    }
    await admin.close()
    return lags
  }
}
