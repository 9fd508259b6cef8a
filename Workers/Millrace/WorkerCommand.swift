import Supervision
import BlockingExecutor
import CommandLine
import Foundation
import KafkaClient
import LocalState
import Pools
import Records
import Services
import Settings
import Stage
import Synchronization
import Telemetry

/// `millrace worker <pool>`: runs one worker of one pool.
enum WorkerCommand {
  private static let common: [Command.Option] = [
    .option("--port-file", "FILE", "write the port of /metrics, /healthz and /readyz to this file")
  ]

  static let command = Command(
    "worker", abstract: "Run one worker of a pool.",
    discussion: "Pools communicate only through topics. On SIGTERM a worker drains and exits with status 0.",
    options: common,
    subcommands: [
      Command("ingest", abstract: "rag.documents to rag.chunks: parse and chunk.") { arguments in
        try await run(.ingest, arguments)
      },
      Command(
        "embed", abstract: "rag.chunks to rag.vectors, or rag.queries to rag.searches.",
        options: [.option("--lane", "LANE", "which texts to embed: documents or queries")]
      ) { arguments in
        switch arguments.value("--lane") {
        case "documents": return try await run(.embedDocuments, arguments)
        case "queries": return try await run(.embedQueries, arguments)
        default:
          throw UsageError("--lane: '\(arguments.value("--lane") ?? "")' must be documents or queries")
        }
      },
      Command(
        "search", abstract: "rag.searches to rag.candidates, over one shard of rag.vectors.",
        options: [.option("--shard", "N", "the shard to search: 0 to search.shards - 1 (default 0)")]
      ) { arguments in
        let settings = try Configuration.settings(arguments, usingState: false)
        let shard = try arguments.integer("--shard", in: 0...settings.search.shards - 1) ?? 0
        return try await run(.search(shard: shard), arguments)
      },
      Command("retrieve", abstract: "rag.candidates to rag.prompts or rag.answers: fuse and assemble.") {
        arguments in
        try await run(.retrieve, arguments)
      },
      Command("generate", abstract: "rag.prompts to rag.answers: answer with citations, or refuse.") {
        arguments in
        try await run(.generate, arguments)
      },
    ])

  private static func run(_ kind: Pool, _ arguments: ParsedArguments) async throws -> ExitCode {
    BrokenPipes.ignore()
    let name = kind.name
    let settings = try Configuration.settings(arguments, usingState: false)
    Logger.setThreshold(LogLevel(name: settings.logLevel) ?? .info)
    let isSupervised = ProcessInfo.processInfo.environment[ChildEnvironment.supervised] != nil
    if !isSupervised { try Configuration.checkBroker(arguments, settings) }
    let stop = StopRequest.fromSignals(interrupt: !isSupervised)
    let context = try StageContext(name: name, settings: settings)
    logSettings(settings, context.logger)
    let probes = try ProbeService(
      host: settings.http.host, port: settings.http.port, portFile: arguments.value("--port-file"),
      health: context.health, metrics: context.metrics)
    context.logger.info("Worker starts", [(.role, name), (.port, "\(probes.port)")])
    let pool = try kind.services(context)
    context.health.unblock("starting")
    try await waitForTopics(settings, context, stop)
    guard !stop.isRequested else {
      await context.producer.close(deadline: .zero)
      return .success
    }
    // Connect now, so that the first query does not wait for connections.
    let outputs: [TopicName] = [
      .chunks, .vectors, .documentStatus, .searches, .candidates, .prompts, .answers,
    ]
    await BlockingCalls(name: "warm-up").run { context.producer.warmUp(outputs.map(context.topic)) }
    var failure: (any Error)?
    let isCutShort = Mutex(false)
    do {
      try await ServiceGroup(
        [probes as any Service] + pool, graceDeadline: settings.graceDeadline,
        onCancel: { names in
          isCutShort.withLock { $0 = true }
          context.logger.warning(
            "Drain is cut short: unfinished records are redelivered",
            [(.stage, names.joined(separator: ", "))])
        },
        onStuck: { names in
          // A forced exit loses nothing. A process that never ends would need a person.
          context.logger.error("Worker is ended by force", [(.stage, names.joined(separator: ", "))])
          _exit(1)
        }
      ).run(until: stop.stream)
    } catch {
      failure = error
    }
    // After a drain that was cut short, do not wait for acknowledgements: the records are redelivered.
    await context.producer.close(deadline: isCutShort.withLock { $0 } ? .zero : .seconds(5))
    if let failure {
      context.logger.error("Worker failed", [(.error, "\(failure)")])
      return .failure
    }
    context.logger.info("Worker ended")
    return .success
  }

  private static func logSettings(_ settings: Settings, _ logger: Logger) {
    let all = settings.table.entries.map { "\($0.key)=\(settings.table.shown($0.key))" }
    logger.info("Settings", [(.value, all.joined(separator: " "))])
  }

  /// Checks the settings of the topics before work begins: topics are often created by somebody else, and a wrong
  /// setting can break a promise, for example that nothing is lost.
  ///
  /// - Throws: `StageFatal` that names each topic, setting, value and rule; `KafkaFailure`.
  private static func checkSettings(_ setup: TopicSetup, _ logger: Logger) async throws {
    do {
      let problems = try await setup.problems()
      guard problems.isEmpty else {
        throw StageFatal(
          problems.map(\.description).joined(separator: "; ")
            + ". Run `millrace topics create` to correct it.")
      }
    } catch let error as KafkaFailure where error.isForbidden {
      logger.warning("The settings of the topics can't be checked", [(.error, "\(error)")])
    }
  }

  /// Waits until the broker answers and all topics exist: workers may start before them.
  private static func waitForTopics(_ settings: Settings, _ context: StageContext, _ stop: StopRequest)
    async throws
  {
    let admin = KafkaAdmin(context.kafka)
    let setup = TopicSetup(settings: settings, admin: admin)
    while !stop.isRequested {
      do {
        let existing = try await admin.topics()
        try setup.check(existing)
        if settings.topics.allSatisfy({ existing[settings.topic($0.topic)] != nil }) {
          try await checkSettings(setup, context.logger)
          context.cluster.set(try await admin.clusterID())
          break
        }
        context.logger.info("Waiting for topics: run `millrace topics create`")
      } catch let error as KafkaFailure where error.kind == .retriable {
        context.logger.info("Waiting for the broker", [(.error, "\(error)")])
      }
      try await Task.sleep(for: .milliseconds(500))
    }
    await admin.close()
  }
}
