import CommandLine
import Foundation
import KafkaClient
import LocalState
import Parsing
import Records
import Settings
import Stage
import Telemetry

enum TopicsCommand {
  static let command = Command(
    "topics", abstract: "Make the topics.",
    subcommands: [
      Command(
        "create", abstract: "Create missing topics and first offsets; idempotent, never shrinks anything."
      ) { arguments in
        let settings = try Configuration.settings(arguments)
        let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-topics"))
        let created = try await TopicSetup(settings: settings, admin: admin).create()
        await admin.close()
        if arguments.flag("--json") {
          Terminal.print(JSONValue.object(["created": .array(created.sorted().map(JSONValue.string))]).text)
        } else {
          Terminal.print(
            created.isEmpty ? "all topics are there" : "created \(created.sorted().joined(separator: ", "))")
        }
        return .success
      }
    ])
}

/// The child of a `MarkupReader`.
enum MarkupCommand {
  static let command = Command(
    MarkupReader.commandName,
    abstract: "Read Markdown or HTML (used by ingest, in a process that it can stop).",
    arguments: "TYPE FILE"
  ) { arguments in
    let words = arguments.positionals
    guard words.count == 2, let source = FileManager.default.contents(atPath: words[1]) else {
      throw UsageError("\(MarkupReader.commandName) needs a media type and a file")
    }
    guard let output = MarkupReader.output(of: Array(source), type: words[0]) else {
      throw UsageError("'\(words[0])' must be text/markdown or text/html")
    }
    try FileHandle.standardOutput.write(contentsOf: output)
    return .success
  }
}

/// What the world outside may rely on: the chart's tests hold every name in a rendering against it.
enum ContractCommand {
  static let command = Command(
    "contract",
    abstract: "Print the names that others rely on: topics, groups, pools, metrics, probes, ports, settings.",
    discussion: "As the settings have them: --search-shards 4 prints the groups of four shards."
  ) { arguments in
    let settings = try Configuration.settings(arguments, usingState: false)
    Terminal.print(contract(settings).text)
    return .success
  }

  private static func contract(_ settings: Settings) -> JSONValue {
    let topics = settings.topics.map { topic -> JSONValue in
      .object([
        "name": .string(settings.topic(topic.topic)), "partitions": .int(topic.partitionCount),
        "settings": .object(
          topic.settings.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: .string($0.value)) }
        ),
      ])
    }
    let groups = GroupName.all(shards: settings.search.shards).map { group, topic, shard -> JSONValue in
      .object([
        "group": .string(group), "topic": .string(settings.topic(topic)),
        "pool": .string(StatusCommand.role(group, shard)), "shard": .int(shard),
      ])
    }
    let pools = WorkerCommand.Pool.all(shards: settings.search.shards).map { pool -> JSONValue in
      .object([
        "name": .string(pool.name), "command": .array(pool.words.map(JSONValue.string)),
        "secrets": .array(pool.secrets.map(JSONValue.string)),
      ])
    }
    let port = settings.table.deployment["ports.http"].flatMap { Int($0) } ?? settings.http.port
    return .object([
      "topics": .array(topics), "groups": .array(groups), "pools": .array(pools),
      "metrics": .array(MetricName.all.flatMap(\.seriesNames).sorted().map(JSONValue.string)),
      "probes": .object([
        "liveness": .string(ProbeService.livenessPath), "readiness": .string(ProbeService.readinessPath),
        "metrics": .string(ProbeService.metricsPath),
      ]),
      "ports": .object(["http": .int(port)]),
      "settings": .array(settings.table.entries.map { .string($0.key) }),
    ])
  }
}

enum SettingsCommand {
  static let command = Command(
    "settings", abstract: "Print every setting with its value and where it came from; secrets are hidden."
  ) { arguments in
    let settings = try Configuration.settings(arguments, mustRun: false)
    if arguments.flag("--json") {
      let members = settings.table.entries.map { entry in
        JSONMember(
          name: entry.key,
          value: .object([
            "value": .string(settings.table.shown(entry.key)), "source": .string(entry.source.rawValue),
            "environment": .string(SettingsTable.environmentName(entry.key)),
            "option": .string(SettingsTable.flagName(entry.key)),
          ]))
      }
      Terminal.print(JSONValue.object(members).text)
      return .success
    }
    for entry in settings.table.entries {
      let value = settings.table.shown(entry.key)
      Terminal.print("\(entry.key) = \(value.isEmpty ? "\"\"" : value)  (\(entry.source.rawValue))")
    }
    return .success
  }
}

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
    if arguments.flag("--json") {
      Terminal.print(json(record, runs, lags).text)
      return runs ? .success : .unavailable
    }
    Terminal.print(
      "state \(directory.path): \(runs ? (record.isReady ? "ready" : "starting") : "not running")")
    for (name, address) in record.endpoints.sorted(by: { $0.key < $1.key }) {
      Terminal.print("\(name) \(address)")
    }
    for process in record.processes {
      let state = runs ? process.state : "ended"
      Terminal.print(
        "\(process.role.padding(toLength: 16, withPad: " ", startingAt: 0)) pid \(process.pid)  \(state)  restarts "
          + "\(process.restarts)  lag \(lags[process.role].map(String.init) ?? "-")")
    }
    return runs ? .success : .unavailable
  }

  private static func json(_ record: StateRecord, _ runs: Bool, _ lags: [String: Int64]) -> JSONValue {
    .object([
      "running": .bool(runs), "ready": .bool(runs && record.isReady),
      "endpoints": .object(
        record.endpoints.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: .string($0.value)) }
      ),
      "processes": .array(
        record.processes.map { process in
          .object([
            "role": .string(process.role), "pid": .int(process.pid),
            "state": .string(runs ? process.state : "ended"), "restarts": .int(process.restarts),
            "http_port": process.httpPort.map(JSONValue.int), "lag": lags[process.role].map(JSONValue.int),
          ])
        }),
    ])
  }

  /// Lag by role; a broker that does not answer leaves it out.
  private static func lags(_ settings: Settings) async -> [String: Int64] {
    let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-status"))
    var lags: [String: Int64] = [:]
    for (group, topic, shard) in GroupName.all(shards: settings.search.shards) {
      let partitions = (0..<settings.partitionCount(topic))
        .filter { topic != .vectors || Int($0) % settings.search.shards == shard }
        .map { TopicPartition(settings.topic(topic), $0) }
      guard let lag = try? await admin.lag(group: group, partitions) else { break }
      lags[role(group, shard), default: 0] += lag.values.reduce(0, +)
    }
    await admin.close()
    return lags
  }

  static func role(_ group: String, _ shard: Int) -> String {
    switch group {
    case GroupName.ingest: "ingest"
    case GroupName.embedDocuments: "embed-documents"
    case GroupName.embedQueries: "embed-queries"
    case GroupName.retrieve: "retrieve"
    case GroupName.generate: "generate"
    default: "search-\(shard)"
    }
  }
}
