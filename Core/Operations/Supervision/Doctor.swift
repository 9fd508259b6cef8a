import BlockingExecutor
import Encoder
import Foundation
import HTTPClient
import KafkaClient
import LocalState
import Records
import RedisClient
import Settings
import Stage
import Synchronization
import VectorMath

/// Examines this machine for what `up` needs, and says how to correct what is missing or wrong.
package enum Doctor {
  package struct Finding: Sendable {
    package enum Grade: String, Sendable { case ok, warning, failure }
    package var grade: Grade
    package var subject: String
    package var text: String
    /// How to correct what was found.
    package var advice = ""
  }

  /// - Parameter directory: the state folder that `up` would use.
  /// - Returns: one finding per subject, in the order in which a person should read them.
  package static func examine(_ settings: Settings, _ directory: StateDirectory) async -> [Finding] {
    var findings = [processor(), memory(), disk(directory), await encoder(settings)]
    findings += tools()
    findings += secretFiles(settings)
    findings += [await redis(settings, directory), await llm(settings)]
    findings += await kafka(settings, directory)
    return findings
  }

  private static func processor() -> Finding {
    let count = ProcessInfo.processInfo.activeProcessorCount
    let text = "\(count) cores, \(Panels.instructionSet)"
    return count >= 2
      ? Finding(grade: .ok, subject: "processor", text: text)
      : Finding(
        grade: .warning, subject: "processor", text: text,
        advice: "one core is slow for the whole pipeline: use --llm extractive")
  }

  private static func memory() -> Finding {
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable") } ?? ""
    let kilobytes = line.split(separator: " ").compactMap { Int($0) }.first ?? 0
    let size = String(format: "%.1f GiB free", Double(kilobytes) / 1_048_576)
    return kilobytes >= 2_000_000
      ? Finding(grade: .ok, subject: "memory", text: size)
      : Finding(
        grade: .warning, subject: "memory", text: size,
        advice: "the pipeline needs about 2 GiB; --llm extractive saves 0.7 GiB")
  }

  private static func disk(_ directory: StateDirectory) -> Finding {
    var folder = URL(fileURLWithPath: directory.path)
    while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
      folder = folder.deletingLastPathComponent()
    }
    let free =
      (try? FileManager.default.attributesOfFileSystem(forPath: folder.path))?[.systemFreeSize] as? Int64
    let text = "\(String(format: "%.1f", Double(free ?? 0) / 1e9)) GB free at \(folder.path)"
    guard FileManager.default.isWritableFile(atPath: folder.path) else {
      return Finding(
        grade: .failure, subject: "disk", text: "\(folder.path) can't be written",
        advice: "name another folder with --state")
    }
    return free ?? 0 > 1_000_000_000
      ? Finding(grade: .ok, subject: "disk", text: text)
      : Finding(
        grade: .warning, subject: "disk", text: text,
        advice: "free some space, or name another folder with --state")
  }

  private static func encoder(_ settings: Settings) async -> Finding {
    do {
      let path = try ModelPath.find(settings)
      let encoder = try Encoder(settings)
      let vector = await encoder.encode(["A millrace carries water to a row of mill wheels."])
      let norm = vector.reduce(0) { $0 + $1 * $1 }
      guard (0.99...1.01).contains(norm) else {
        return Finding(
          grade: .failure, subject: "encoder", text: "a vector of length \(norm) instead of 1",
          advice: "compare the model's files with their source; set encoder.precision to fp32")
      }
      let numericClass = "\(encoder.numericClass.rawValue) on \(InstructionSet.best.rawValue)"
      return Finding(
        grade: .ok, subject: "encoder", text: "\(settings.encoder.model), \(numericClass), at \(path)")
    } catch {
      return Finding(
        grade: .failure, subject: "encoder", text: "\(error)",
        advice: "correct encoder.* in the settings, or run `make setup` in the checkout")
    }
  }

  private static func tools() -> [Finding] {
    [
      ("pdftotext", "poppler-utils", "PDFs"), ("prlimit", "util-linux", "PDFs and gzip"),
      ("gzip", "gzip", "gzip"),
    ].map {
      tool, package, use in
      if let path = LocalServices.find(onPath: tool) { return Finding(grade: .ok, subject: tool, text: path) }
      return Finding(
        grade: .warning, subject: tool, text: "is missing: \(use) can't be read",
        advice: "apt-get install \(package)")
    }
  }

  private static func redis(_ settings: Settings, _ directory: StateDirectory) async -> Finding {
    let address: RedisAddress?
    do {
      address = try RedisAddress.named(in: settings)
    } catch {
      return Finding(grade: .failure, subject: "redis", text: "\(error)", advice: "correct redis.address")
    }
    guard let address else {
      if let record = directory.read(), record.isAlive, record.isReady, record.endpoints["redis"] == nil {
        return Finding(grade: .ok, subject: "redis", text: "the running `up` uses none: nothing is cached")
      }
      if let path = LocalServices.find(onPath: "redis-server") {
        return Finding(grade: .ok, subject: "redis", text: "`up` will start \(path)")
      }
      return Finding(
        grade: .failure, subject: "redis", text: "redis-server is missing and redis.address is empty",
        advice: "apt-get install redis-server, or use --redis redis://host:port, or --redis none")
    }
    do {
      let reply = try await RedisClient(address, deadline: .seconds(2)).send("PING")
      if case .error(let text) = reply {
        return Finding(
          grade: .failure, subject: "redis",
          text: "\(address) refuses: \(text.prefix { $0 != " " }.prefix(32))",
          advice: "check the password and database of redis.address")
      }
      guard !settings.cache.key.isEmpty || directory.read() != nil else {
        return Finding(
          grade: .warning, subject: "redis",
          text: "\(address) answers; nothing is cached, because cache.key is not set",
          advice: "set CACHE_KEY or cache.keyFile: at least 16 random bytes, the same for all workers")
      }
      return Finding(grade: .ok, subject: "redis", text: "\(address) answers")
    } catch {
      return Finding(
        grade: .failure, subject: "redis", text: "\(error)",
        advice: "check redis.address; without Redis the pipeline works, but slower and without streaming")
    }
  }

  private static func llm(_ settings: Settings) async -> Finding {
    if let url = settings.llm.url { return await endpoint(url, settings) }
    let blocking = BlockingCalls(name: "doctor")
    return await blocking.run { ownLLM() }
  }

  /// Tries the LLM that `up` would start. Blocks until its server is ready or has failed.
  private static func ownLLM() -> Finding {
    let advice = "run `make setup`, or use --llm http://host:port/v1, or --llm extractive"
    do {
      let port = try FreePort.find(preferred: 0)
      guard let launch = try LocalServices.llm(port: port) else {
        return Finding(
          grade: .failure, subject: "llm", text: "llama-server or its model is missing", advice: advice)
      }
      return trial(launch, port)
    } catch {
      return Finding(grade: .failure, subject: "llm", text: "\(error)", advice: advice)
    }
  }

  /// Warnings for files with secrets that other users of this machine can read.
  private static func secretFiles(_ settings: Settings) -> [Finding] {
    SettingsTable.secretFileKeys.compactMap { key in
      let path = settings.table.text(key)
      let mode = (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int
      guard !path.isEmpty, let mode, mode & 0o077 != 0 else { return nil }
      return Finding(
        grade: .warning, subject: key,
        text: "\(path) has mode \(String(format: "%04o", mode)): other users can read it",
        advice: "chmod 600 \(path)")
    }
  }

  /// Starts the server, because a build for another processor fails only when it loads the model.
  private static func trial(_ launch: LocalServices.Launch, _ port: UInt16) -> Finding {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: launch.executable)
    process.arguments = launch.arguments
    process.currentDirectoryURL = URL(fileURLWithPath: launch.folder)
    process.environment = ChildEnvironment.withoutSecrets(ProcessInfo.processInfo.environment)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch {
      return Finding(
        grade: .failure, subject: "llm", text: "\(launch.executable) does not start: \(error)",
        advice: "run `make setup` again, or use --llm extractive")
    }
    defer {
      // Use SIGKILL: the server has no state to save, and a server that gets SIGTERM while it starts never ends.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    let end = Date().addingTimeInterval(20)
    while Date() < end, process.isRunning {
      if HTTPProbe.get(host: "127.0.0.1", port: port, path: "/health")?.0 == 200 {
        return Finding(grade: .ok, subject: "llm", text: "`up` will start \(launch.executable)")
      }
      Thread.sleep(forTimeInterval: 0.1)
    }
    let signal = process.isRunning ? 0 : process.terminationStatus
    return Finding(
      grade: .failure, subject: "llm",
      text: signal == SIGILL
        ? "\(launch.executable) was built for another processor (illegal instruction)"
        : "\(launch.executable) was not ready within 20 s",
      advice: "use --llm http://host:port/v1, or --llm extractive")
  }

  private static func kafka(_ settings: Settings, _ directory: StateDirectory) async -> [Finding] {
    let address = settings.kafka.bootstrapServers
    func finding(_ grade: Finding.Grade, _ text: String, _ advice: String = "") -> [Finding] {
      [Finding(grade: grade, subject: "kafka", text: text, advice: advice)]
    }
    do {
      return try await withAdmin(settings.kafkaConfiguration(clientID: "millrace-doctor")) { admin in
        let topics: [String: Int32]
        do throws(KafkaFailure) { topics = try await admin.topics(timeout: .seconds(3)) } catch {
          guard error.kind == .retriable else { throw error }
          let isStarted = directory.read() != nil
          return finding(
            isStarted ? .failure : .ok,
            "no broker answers at \(address)" + (isStarted ? "" : "; `up` will start one"),
            isStarted ? "see \(directory.logsPath)" : "")
        }
        let setup = TopicSetup(settings: settings, admin: admin)
        let missing = settings.topics.filter { topics[settings.topic($0.topic)] == nil }
        guard missing.isEmpty else {
          return finding(
            .failure, "\(address) answers, but \(missing.count) topics are missing",
            "run `millrace topics create`")
        }
        try setup.check(topics)
        var findings: [Finding] = []
        do throws(KafkaFailure) {
          let problems = try await setup.problems()
          findings +=
            problems.isEmpty
            ? finding(.ok, "\(address) answers and has all topics")
            : finding(
              .failure, "\(address): " + problems.map(\.description).joined(separator: "; "),
              "run `millrace topics create`, which corrects these settings")
        } catch {
          findings += unknown(
            "kafka", "\(address) answers; its topics' settings", error, "DescribeConfigs on the topics")
        }
        do throws(KafkaFailure) { findings += groups(try await setup.groupProblems()) } catch {
          findings += unknown("groups", "the commits of the groups", error, "Describe on groups and topics")
        }
        do { findings.append(try await model(settings)) } catch let error as KafkaFailure {
          findings += unknown(
            "model", "the model of the vectors", error, "Read on \(settings.topic(.vectors))")
        }
        return findings
      }
    } catch {
      return finding(.failure, "\(error)")
    }
  }

  private static func unknown(_ subject: String, _ what: String, _ error: KafkaFailure, _ right: String)
    -> [Finding]
  {
    [
      Finding(
        grade: .warning, subject: subject, text: "\(what) can't be checked: \(error)",
        advice: error.isForbidden ? "grant \(right)" : "try again when all brokers answer")
    ]
  }

  private static func groups(_ problems: [GroupCheck.Problem]) -> [Finding] {
    let advice: [GroupCheck.Problem.Kind: String] = [
      .beyondEnd:
        "these records are gone: put the documents again; for rag.documents raise ingest.epoch first",
      .deletedBefore: "a stage was down for longer than the topic keeps records: put the documents again",
    ]
    guard !problems.isEmpty else {
      return [Finding(grade: .ok, subject: "groups", text: "all commits agree with the topics")]
    }
    return problems.map {
      Finding(
        grade: $0.kind == .beyondEnd ? .failure : .warning, subject: "groups", text: $0.description,
        advice: advice[$0.kind] ?? "")
    }
  }

  /// Compares the model of the last vectors of each partition with the setting: an index holds vectors of one model
  /// only.
  private static func model(_ settings: Settings) async throws -> Finding {
    let names = (0..<settings.partitionCount(.vectors)).map { TopicPartition(settings.topic(.vectors), $0) }
    let found = Mutex<Set<String>>([])
    try await withReader(settings.kafkaConfiguration(clientID: "millrace-doctor")) { reader in
      let (beginnings, ends) = (
        try await reader.beginnings(of: names), try await reader.ends(of: names, limit: .seconds(5))
      )
      try await reader.assign(
        Dictionary(
          uniqueKeysWithValues: names.map { ($0, .offset(max(beginnings[$0] ?? 0, (ends[$0] ?? 0) - 10))) }))
      try await reader.readToEnd(limit: .seconds(20)) { records in
        for record in records {
          guard let value = record.value, let batch = try? VectorBatch(wireBytes: value),
            case .vectors(let chunks, _, _) = batch.content, !chunks.isEmpty
          else { continue }
          found.withLock { _ = $0.insert(batch.header.model) }
        }
      }
    }
    let own = settings.encoder.model
    let others = found.withLock { $0.subtracting([own]).sorted() }
    guard others.isEmpty else {
      return Finding(
        grade: .failure, subject: "model",
        text: "\(settings.topic(.vectors)) holds vectors of \(others.joined(separator: ", ")), not \(own)",
        advice: "set encoder.model back, or set another kafka.topicPrefix and put the documents again")
    }
    return Finding(grade: .ok, subject: "model", text: "all vectors that were looked at are of \(own)")
  }
}
