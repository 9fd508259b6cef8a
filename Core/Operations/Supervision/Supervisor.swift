import BlockingExecutor
import Caching
import Failures
import Foundation
import HTTPClient
import KafkaClient
import LocalBroker
import LocalState
import Pools
import RedisClient
import Services
import Settings
import Stage
import Time

/// Starts the broker, the services and every pool as child processes. Restarts a child that has ended, after
/// a growing pause, and stops all children in order.
package actor Supervisor {
  private static let readyLimit = Duration.seconds(90)

  private let directory: StateDirectory
  private let options: SupervisorOptions
  private let environment: [String: String]
  private let report: @Sendable (SupervisorReport) -> Void
  private var settings: Settings
  private var flags: [String: String]
  private var children: [SupervisedProcess] = []
  private var endpoints: [String: String] = [:]
  private let lock: StateLock
  private let blocking = BlockingCalls(name: "probe")
  private var isReady = false
  private var isStopping = false
  /// True from a failed write of the state to the next successful one.
  private var hasComplained = false

  /// - Parameters:
  ///   - environment: this process's variables, with the secrets that were given to it.
  ///   - report: receives the messages for the user.
  /// - Throws: `Unavailable` when another `up` runs in the folder; `SettingsError`; `UntrustedPath` when
  ///   another user could have made the folder or a file in it.
  package init(
    _ options: SupervisorOptions, in directory: StateDirectory, environment: [String: String],
    report: @escaping @Sendable (SupervisorReport) -> Void
  ) throws {
    self.options = options
    self.directory = directory
    self.environment = environment
    self.report = report
    flags = options.flags
    settings = try options.settings(environment: environment)
    try directory.create()
    lock = try StateLock(path: directory.lockPath, directory: directory)
    if let line = try directory.close() { report(.warning(line)) }
  }

  /// Starts everything, then supervises it until `stop` yields or ends, and stops it. After an error, the
  /// caller must call `stopAll()`.
  ///
  /// - Throws: `Unavailable` when the broker, a service or a pool does not start; `SettingsError`;
  ///   `UntrustedPath` for a file that another user could have put there; the errors of
  ///   `TopicSetup.create()`.
  package func run(until stop: AsyncStream<Void>) async throws {
    if environment[ChildEnvironment.detached] != nil { setsid() }
    endLeftovers()
    let modelPath = try ModelPath.find(settings)
    let stopped = Stopped()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in stop { break }
        stopped.set()
      }
      try await self.supervise(modelPath, stopped)
      group.cancelAll()
    }
    await stopAll()
  }

  private func supervise(_ modelPath: String, _ stopped: Stopped) async throws {
    try await startBroker(stopped)
    if !stopped.isSet { try startLocalServices() }
    if !stopped.isSet { try await createTopics() }
    if !stopped.isSet { try await startPools(modelPath, stopped) }
    if !stopped.isSet { announce() }
    while !stopped.isSet {
      if superviseOnce() { saveOrComplain() }
      await probe()
      saveOrComplain()
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  /// Writes the state. A full disk must not stop the pipeline: the error is reported once, and the write is tried
  /// again.
  private func saveOrComplain() {
    do {
      try save()
      hasComplained = false
    } catch {
      if !hasComplained { report(.warning("state can't be written: \(error)")) }
      hasComplained = true
    }
  }

  private func announce() {
    isReady = true
    saveOrComplain()
    report(.ready(endpoints: endpoints, state: directory.path))
  }

  /// Stops the processes that a killed `up` left, which are identified by pid, start time and program.
  private func endLeftovers() {
    guard let record = directory.read() else { return }
    for line in record.impostors { report(.warning(line)) }
    let left = record.processes.filter(\.identity.isAlive)
    guard !left.isEmpty else { return }
    report(.warning("stopping the processes of an earlier `up`: \(left.map(\.role).joined(separator: ", "))"))
    ProcessTable.end(left.map(\.identity), grace: 15)
  }

  /// Starts a broker, or uses the one that the options name, and waits until it answers.
  private func startBroker(_ stopped: Stopped) async throws {
    if let given = options.kafka {
      endpoints["kafka"] = given
      try useBroker()
      try await waitForBroker(until: .now + .seconds(8), stopped)
    } else if let home = options.kafkaHome ?? environment["KAFKA_HOME"] {
      try await startApacheKafka(home, stopped)
    } else {
      try await startLocalBroker(stopped)
    }
    if !children.isEmpty {
      children[0].isReady = true
      children[0].state = "running"
    }
  }

  private func useBroker() throws {
    flags["--kafka-bootstrap-servers"] = endpoints["kafka"]
    try readSettings()
    try save()
  }

  private func readSettings() throws {
    settings = try options.settings(environment: environment, flags: flags)
  }

  /// Starts the local broker and waits until its port file names the port that it has bound. A port that only was free
  /// before the start could belong to another pipeline's broker by then, and the pools would work on that pipeline's
  /// topics.
  private func startLocalBroker(_ stopped: Stopped) async throws {
    let former =
      directory.read()?.endpoints["kafka"].flatMap { UInt16($0.split(separator: ":").last ?? "") }
      ?? (try? String(contentsOfFile: directory.path + "/broker.port", encoding: .utf8)).flatMap {
        UInt16($0)
      }
    try checkBrokerPort()
    var port = try options.brokerPort ?? FreePort.find(preferred: former ?? UInt16(settings.broker.port))
    if let warning = LocalBroker.exposure(host: settings.broker.host) {
      report(.warning("warning: \(warning)"))
    }
    let deadline = ContinuousClock.now + .seconds(15)
    let file = directory.runPath + "/broker.listens"
    func words(_ port: UInt16) -> [String] {
      ["broker", "--data", directory.path + "/broker", "--broker-port", "\(port)", "--port-file", file]
    }
    while !stopped.isSet {
      try? FileManager.default.removeItem(atPath: file)
      children.removeAll()
      try add("broker", words(port), readiness: .tcp(port))
      if let bound = try await boundPort(file, deadline, stopped) {
        // A broker that is restarted takes the same port again.
        children[0].arguments = words(bound)
        children[0].readiness = .tcp(bound)
        if let former, former != bound, options.brokerPort == nil {
          report(
            .warning(
              "warning: port \(former) is in use by another process: the broker listens on \(bound) from now on"
            ))
        }
        try "\(bound)".write(toFile: directory.path + "/broker.port", atomically: true, encoding: .utf8)
        endpoints["kafka"] = "\(settings.broker.host):\(bound)"
        try useBroker()
        return try await waitForBroker(until: deadline, stopped)
      }
      port = 0
    }
  }

  /// - Returns: the port that the broker has bound; nil when its port was in use and any other will do, or when a stop
  ///   was requested.
  /// - Throws: `Unavailable` when the broker has ended, or has bound no port by the deadline.
  private func boundPort(
    _ file: String, _ deadline: ContinuousClock.Instant, _ stopped: Stopped
  ) async throws -> UInt16? {
    while !stopped.isSet {
      if let port = Self.port(in: file) { return port }
      saveOrComplain()
      if children[0].process?.isRunning == false {
        if options.brokerPort == nil, saysPortIsInUse("broker") { return nil }
        throw Unavailable("broker ended before it was ready:\n\(tail(of: "broker"))")
      }
      guard ContinuousClock.now < deadline else {
        throw Unavailable("the broker does not start: see \(directory.logsPath)/broker.log")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return nil
  }

  private static func port(in file: String) -> UInt16? {
    (try? String(contentsOfFile: file, encoding: .utf8))
      .flatMap { UInt16($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private func saysPortIsInUse(_ role: String) -> Bool {
    // Kafka writes hundreds of log lines after this message.
    tail(of: role, lines: 2000).contains("Address already in use")
  }

  private func checkBrokerPort() throws {
    if let port = options.brokerPort, !FreePort.isFree(port) {
      throw Unavailable("--broker-port \(port): the port is in use")
    }
  }

  private func startApacheKafka(_ home: String, _ stopped: Stopped) async throws {
    try checkBrokerPort()
    for attempt in 0... {
      // Kafka can't choose a free port itself and report it, so a port is chosen before it starts.
      let kafka = try ApacheKafka(
        home: home, folder: directory.path + "/kafka",
        preferredPort: options.brokerPort ?? (attempt == 0 ? 9092 : 0),
        environment: environment)
      children.removeAll()
      try add(
        "kafka", [kafka.propertiesPath], readiness: .tcp(kafka.port), executable: kafka.script,
        environment: [
          "LOG_DIR": directory.logsPath + "/kafka", "KAFKA_HEAP_OPTS": "-Xmx512M -Xms256M",
        ], folder: kafka.folder)
      endpoints["kafka"] = "127.0.0.1:\(kafka.port)"
      try useBroker()
      do {
        // Another pipeline's Kafka may have taken the port first: wait for the cluster ID of this one.
        return try await waitForBroker(until: .now + .seconds(60), stopped, clusterID: kafka.clusterID)
      } catch is Unavailable
        where attempt < 3 && options.brokerPort == nil && children[0].process?.isRunning == false
        && saysPortIsInUse("kafka")
      {
        report(.warning("port \(kafka.port) was taken by another program: trying another port"))
      }
    }
  }

  /// - Parameter clusterID: the cluster ID that the broker must have; nil accepts any.
  /// - Throws: `Unavailable` when the broker's process has ended, or does not answer by the deadline.
  private func waitForBroker(
    until deadline: ContinuousClock.Instant, _ stopped: Stopped, clusterID: String? = nil
  ) async throws {
    try await withAdmin(settings.kafkaConfiguration(clientID: "millrace-up")) { admin in
      while !stopped.isSet {
        if (try? await admin.topics(timeout: .seconds(1))) != nil {
          guard let clusterID else { return }
          if (try? await admin.clusterID()) == clusterID { return }
        }
        saveOrComplain()
        if let child = children.first, child.process?.isRunning == false {
          throw Unavailable("\(child.role) ended before it was ready:\n\(tail(of: child.role))")
        }
        guard ContinuousClock.now < deadline else {
          throw Unavailable("no broker answers at \(endpoints["kafka"] ?? "")")
        }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  /// The path of the file with the cache's key, which is made if it is missing. Each state folder keeps its key, so
  /// that cached entries stay valid after a restart.
  private func cacheKeyFile() throws -> String {
    let path = directory.cacheKeyPath
    // An earlier `up` may have been killed while it wrote the file.
    if let known = FileManager.default.contents(atPath: path), known.count >= 32 { return path }
    let key = (0..<32).map { _ in UInt8.random(in: 0...255) }.map { String(format: "%02x", $0) }.joined()
    try Data((key + "\n").utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    return path
  }

  /// Starts Redis and an LLM, unless the options name others or turn them off.
  private func startLocalServices() throws {
    if !options.namesRedis, settings.redis.address.isEmpty {
      let folder = directory.path + "/redis"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      guard let launch = LocalServices.redis(folder: folder) else {
        throw Unavailable(
          "redis-server is missing: apt-get install redis-server, or use --redis redis://host:port, "
            + "or --redis none")
      }
      let address = RedisAddress(socket: folder + "/redis.sock")
      flags["--redis-address"] = address.description
      try add("redis", launch, readiness: .redis(address))
    }
    if !options.namesLLM, settings.llm.url == nil {
      let port = try FreePort.find(preferred: 0)
      guard let launch = try LocalServices.llm(port: port) else {
        throw Unavailable(
          "llama-server or its model is missing: run `make setup`, or use --llm http://host:port/v1, "
            + "or --llm extractive")
      }
      flags["--llm-url"] = "http://127.0.0.1:\(port)/v1"
      // The model is small: on two cores it reads 400 tokens per second, and prompts of more than about 200
      // tokens confuse it.
      if flags["--llm-prompt-tokens-max"] == nil { flags["--llm-prompt-tokens-max"] = "256" }
      if flags["--llm-answer-tokens-max"] == nil { flags["--llm-answer-tokens-max"] = "64" }
      try add("llm", launch, readiness: .http(port, path: "/health"))
    }
    if settings.cache.key.isEmpty { flags["--cache-key-file"] = try cacheKeyFile() }
    if settings.search.path == nil { flags["--search-path"] = directory.path + "/index" }
    try readSettings()
    if let redis = try RedisAddress.named(in: settings) { endpoints["redis"] = redis.description }
    endpoints["llm"] = settings.llm.url == nil ? "extractive" : settings.table.shown("llm.url")
    try save()
  }

  private func createTopics() async throws {
    try await withAdmin(settings.kafkaConfiguration(clientID: "millrace-up")) { admin in
      _ = try await TopicSetup(settings: settings, admin: admin).create()
    }
  }

  private func startPools(_ modelPath: String, _ stopped: Stopped) async throws {
    let environment = ["ENCODER_MODEL_PATH": modelPath]
    // Start the last pool of the flow first, so that each pool finds its consumer running.
    for pool in Pool.all(shards: settings.search.shards).reversed() {
      try add(
        pool.name, pool.arguments + ["--port-file", portFile(pool.name), "--http-port", "0"],
        environment: environment, secrets: pool.secrets)
    }
    try save()
    let deadline = ContinuousClock.now + Self.readyLimit
    while !stopped.isSet {
      if superviseOnce() { try save() }
      if let broken = children.first(where: { !$0.isReady && $0.earlyDeaths >= 3 }) {
        throw Unavailable("\(broken.role) can't start:\n\(tail(of: broken.role))")
      }
      await probe()
      try save()
      if children.allSatisfy(\.isReady) { return }
      guard ContinuousClock.now < deadline else {
        let waiting = children.filter { !$0.isReady }.map(\.role).joined(separator: ", ")
        throw Unavailable("not ready within 90 s: \(waiting); see \(directory.logsPath)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  private func portFile(_ role: String) -> String { "\(directory.runPath)/\(role).port" }

  private func httpPort(_ role: String) -> UInt16? { Self.port(in: portFile(role)) }

  private func probe() async {
    for index in children.indices where !children[index].isReady {
      let isReady: Bool
      switch children[index].readiness {
      case .portFile:
        guard let port = httpPort(children[index].role) else { continue }
        isReady = await blocking.run {
          HTTPProbe.get(host: "127.0.0.1", port: port, path: "/readyz")?.0 == 200
        }
      case .http(let port, let path):
        isReady = await blocking.run { HTTPProbe.get(host: "127.0.0.1", port: port, path: path)?.0 == 200 }
      case .tcp(let port): isReady = FreePort.answers(port)
      case .redis(let address): isReady = await Self.answers(address)
      }
      if isReady {
        children[index].isReady = true
        children[index].state = "running"
        if children[index].restarts == 0 { children[index].backoff.reset() }
      }
    }
  }

  private static func answers(_ address: RedisAddress) async -> Bool {
    do {
      return try await RedisClient(address, deadline: .seconds(1)).send("PING") == .status("PONG")
    } catch {
      return false
    }
  }

  private func add(_ role: String, _ launch: LocalServices.Launch, readiness: Readiness) throws {
    try add(
      role, launch.arguments, readiness: readiness, executable: launch.executable, folder: launch.folder)
  }

  private func add(
    _ role: String, _ words: [String], readiness: Readiness = .portFile, executable: String? = nil,
    environment: [String: String] = [:], secrets: [String] = [], folder: String? = nil
  ) throws {
    var child = SupervisedProcess(
      role: role, readiness: readiness, arguments: words, executable: executable, environment: environment,
      secrets: secrets, folder: folder)
    try start(&child)
    children.append(child)
  }

  private func start(_ child: inout SupervisedProcess) throws {
    try? FileManager.default.removeItem(atPath: portFile(child.role))
    let log = "\(directory.logsPath)/\(child.role).log"
    if !FileManager.default.fileExists(atPath: log) {
      _ = FileManager.default.createFile(atPath: log, contents: nil)
    }
    guard let output = FileHandle(forWritingAtPath: log) else {
      throw Unavailable("\(log) can't be written")
    }
    try output.seekToEnd()
    let process = Process()
    process.executableURL =
      child.executable.map { URL(fileURLWithPath: $0) }
      ?? OwnExecutable.url
    process.arguments = child.arguments
    var environment = ChildEnvironment.make(environment, settings.table, needed: child.secrets)
    environment.merge(child.environment) { $1 }
    environment[ChildEnvironment.supervised] = "1"
    environment[ChildEnvironment.detached] = nil
    process.environment = environment
    if let folder = child.folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try withoutBlockedSignals { try process.run() }
    try output.close()
    child.process = process
    child.startTime = ProcessTable.startTime(of: process.processIdentifier) ?? 0
    child.startedAt = .now
    child.state = "starting"
  }

  /// - Returns: true when a child was started. The caller must then save the state at once: without the pid
  ///   on disk, nobody stops the child after this process is killed.
  private func superviseOnce() -> Bool {
    var hasStarted = false
    for index in children.indices {
      var child = children[index]
      if let process = child.process, !process.isRunning {
        if !child.isReady { child.earlyDeaths += 1 }
        child.isReady = false
        if ContinuousClock.now - child.startedAt > .seconds(30) { child.backoff.reset() }
        child.process = nil
        child.nextStart = .now + child.backoff.next()
        child.state = "back-off"
        report(.warning("\(child.role) ended (status \(process.terminationStatus)); restarting it"))
      } else if child.process == nil, ContinuousClock.now >= child.nextStart {
        child.restarts += 1
        do {
          try start(&child)
          hasStarted = true
        } catch {
          child.nextStart = .now + child.backoff.next()
          report(.warning("\(child.role) can't be started: \(error)"))
        }
      }
      children[index] = child
    }
    return hasStarted
  }

  private func save() throws {
    try directory.write(
      StateRecord(
        supervisor: ProcessIdentity(
          pid: getpid(), startTime: ProcessTable.startTime(of: getpid()) ?? 0),
        supervisorProgram: ProcessTable.executable(of: getpid()) ?? "",
        endpoints: endpoints,
        flags: flags,
        processes: children.map { child in
          let pid = child.process?.processIdentifier ?? 0
          // Read the program each time: the process of Apache Kafka's start script first runs bash, then java.
          return StateRecord.ProcessEntry(
            role: child.role, pid: pid, startTime: child.startTime,
            executable: ProcessTable.executable(of: pid) ?? "", state: child.state,
            restarts: child.restarts, httpPort: httpPort(child.role))
        }, isReady: isReady))
  }

  /// Stops the pools, which drain, then Redis and the LLM, and the broker last.
  package func stopAll() async {
    guard !isStopping else { return }
    isStopping = true
    let order = Pool.all(shards: settings.search.shards).map(\.name)
    let pools = children.filter { $0.role != "broker" && $0.role != "kafka" }.sorted { a, b in
      func rank(_ role: String) -> Int { order.firstIndex(of: role) ?? order.count }
      return rank(a.role) < rank(b.role)
    }
    await end(pools.filter { $0.role != "redis" && $0.role != "llm" })
    await end(pools.filter { $0.role == "redis" || $0.role == "llm" }, grace: 3)
    await end(children.filter { $0.role == "broker" || $0.role == "kafka" })
    try? FileManager.default.removeItem(atPath: directory.recordPath)
    for child in children { try? FileManager.default.removeItem(atPath: portFile(child.role)) }
  }

  private func end(_ list: [SupervisedProcess], grace: Double? = nil) async {
    let processes = list.compactMap { child in
      child.process.map { ProcessIdentity(pid: $0.processIdentifier, startTime: child.startTime) }
    }
    let grace = grace ?? settings.graceDeadline.seconds + 5
    await blocking.run { ProcessTable.end(processes, grace: grace) }
  }

  private func tail(of role: String, lines: Int = 5) -> String {
    let text = (try? String(contentsOfFile: "\(directory.logsPath)/\(role).log", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
  }
}
