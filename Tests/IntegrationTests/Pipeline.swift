import Foundation
import HTTPClient
import TestSupport
import Testing

/// A whole pipeline, started with `up` in its own state folder, and ended with the test.
final class Pipeline: @unchecked Sendable {
  static let checkout = Checkout.path
  static let binary =
    ProcessInfo.processInfo.environment["MILLRACE_BINARY"] ?? checkout + "/.build/release/millrace"
  static let python = checkout + "/.venv/bin/python"
  static let shared: String? = {
    let path = ProcessInfo.processInfo.environment["MILLRACE_SHARED"] ?? checkout + "/../shared"
    return FileManager.default.fileExists(atPath: path + "/data") ? path : nil
  }()
  static let kafkaHome = ProcessInfo.processInfo.environment["KAFKA_HOME"].flatMap { $0.isEmpty ? nil : $0 }
  /// Set by `scripts/test.sh` for its second round, in which every pipeline runs on Apache Kafka.
  static let isOnKafka = ProcessInfo.processInfo.environment["MILLRACE_TEST_BROKER"] == "kafka"
  /// The role of the broker in `status`.
  static let brokerRole = isOnKafka ? "kafka" : "broker"
  static let loadgen =
    URL(fileURLWithPath: binary).deletingLastPathComponent().appendingPathComponent("loadgen").path
  /// Longer than the default of 50 ms: a slower lookup is a miss, and tests often slow the machine down that much.
  static let patientRedisDeadline = "2s"
  static let handbook = checkout + "/Workers/Millrace/Demo/handbook"

  let state: String
  private(set) var kafka = ""
  /// The broker's port: random, so that pipelines don't collide, and below the range that Linux uses for outgoing
  /// connections.
  private var port = Int.random(in: 10_240...32_000)

  init(_ options: [String] = []) throws {
    state =
      FileManager.default.temporaryDirectory.appendingPathComponent("pipeline-\(UUID().uuidString)").path
    try start(options)
  }

  /// Runs without an LLM and without Redis, unless a test gives `--llm`. With `--with-llm`, `up` starts its own LLM and
  /// Redis.
  func start(_ options: [String] = []) throws {
    var words = options.filter { $0 != "--with-llm" }
    if !options.contains("--with-llm"), !options.contains("--llm") {
      words += ["--llm", "extractive", "--redis", "none"]
    }
    if !options.contains("--redis-deadline") { words += ["--redis-deadline", Self.patientRedisDeadline] }
    if Self.isOnKafka, !options.contains("--kafka-home"), !options.contains("--kafka"),
      let home = Self.kafkaHome
    {
      words += ["--kafka-home", home]
    }
    // Suites run side by side. With the default port, a pipeline could start on it while another's killed broker is
    // being restarted, and the other's workers would then join this pipeline's groups.
    let choosesPort = !options.contains("--kafka") && !options.contains("--broker-port")
    func up() throws -> Output {
      try millrace(["up", "--detach"] + words + (choosesPort ? ["--broker-port", "\(port)"] : []))
    }
    var result = try up()
    for _ in 0..<5 where choosesPort && result.error.contains("the port is in use") {
      port = Int.random(in: 10_240...32_000)
      result = try up()
    }
    try #require(result.code == 0, "up failed: \(result.error)")
    kafka = try #require(json(["status"])["endpoints"] as? [String: String])["kafka"] ?? ""
  }

  /// With MILLRACE_KEEP set, the processes and the folder are kept for inspection.
  deinit {
    if ProcessInfo.processInfo.environment["MILLRACE_KEEP"] != nil { return }
    _ = try? millrace(["down"])
    try? FileManager.default.removeItem(atPath: state)
  }

  struct Output {
    var code: Int32
    var text: String
    var error: String
  }

  @discardableResult
  func millrace(_ words: [String], input: String = "") throws -> Output {
    try Self.run(Self.binary, words + ["--state", state], input: input)
  }

  func json(_ words: [String]) throws -> [String: Any] {
    let output = try millrace(words + ["--json"])
    let object = try? JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [String: Any]
    return try #require(object, "\(words): \(output.text)\(output.error)")
  }

  func array(_ words: [String]) throws -> [[String: Any]] {
    let output = try millrace(words + ["--json"])
    let object = try? JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [[String: Any]]
    return try #require(object, "\(words): \(output.text)\(output.error)")
  }

  func ask(_ question: String, _ options: [String] = []) throws -> [String: Any] {
    try json(["ask", question] + options)
  }

  /// Asks a question whose answer must be cached. Asks again after a miss that the machine may explain: the freshness of
  /// documents was not confirmed within the last second, or Redis was slow.
  func askCached(_ question: String, _ options: [String] = []) throws -> [String: Any] {
    for _ in 0..<4 {
      let before = try excusedMisses()
      let answer = try ask(question, options)
      if try answer["cache"] as? String == "exact" || excusedMisses() == before { return answer }
    }
    return try ask(question, options)
  }

  /// How many lookups in the answers' cache were misses that a busy machine may explain.
  func excusedMisses() throws -> Double {
    try ["unconfirmed", "timeout", "unreachable"].reduce(0) {
      try $0
        + metric(
          "millrace_cache_requests_total", of: "embed-queries", "cache=\"answers\"", "reason=\"\($1)\"")
    }
  }

  func client(_ words: [String]) throws -> [String: Any] {
    let output = try Self.run(Self.python, [Self.checkout + "/Tests/Scripts/client.py", kafka] + words)
    let object = try? JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [String: Any]
    return try #require(object, "client.py \(words): \(output.text)\(output.error)")
  }

  func kcat(_ words: [String], input: String = "") throws -> Output {
    try Self.run("/usr/bin/kcat", ["-b", kafka] + words, input: input)
  }

  /// Waits for a record of `rag.answers` that contains `id`, read by kcat; nil if there is none after 30 s.
  func answer(to id: String) throws -> [String: Any]? {
    var answer: [String: Any]?
    _ = try eventually {
      let read = try kcat(["-C", "-t", "rag.answers", "-o", "beginning", "-e", "-q"])
      for line in read.text.split(separator: "\n") where line.contains(id) {
        answer = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      }
      return answer != nil
    }
    return answer
  }

  /// The processes in `state.json`, the record of `up`. `status` shows the same, but it would start a process and ask
  /// the broker for every lag, which takes too long for drills that look many times a second.
  private func entries() throws -> [[String: Any]] {
    let file = try Data(contentsOf: URL(fileURLWithPath: state + "/state.json"))
    let record = try #require(JSONSerialization.jsonObject(with: file) as? [String: Any])
    return try #require(record["processes"] as? [[String: Any]])
  }

  /// Process ids by role, only of running processes: a role that waits for its restart has pid 0, and `kill(0, …)`
  /// would end the tests themselves.
  func processes() throws -> [String: Int32] {
    let list = try entries()
    return Dictionary(
      list.compactMap { entry in
        guard let role = entry["role"] as? String, let pid = entry["pid"] as? Int, pid > 0 else { return nil }
        return (role, Int32(pid))
      }, uniquingKeysWith: { $1 })
  }

  func states() throws -> [String: String] {
    let list = try entries()
    return Dictionary(
      list.compactMap { entry in
        guard let role = entry["role"] as? String, let state = entry["state"] as? String else { return nil }
        return (role, state)
      }, uniquingKeysWith: { $1 })
  }

  /// The process id of `up` itself.
  func supervisor() throws -> Int32 {
    let file = try Data(contentsOf: URL(fileURLWithPath: state + "/state.json"))
    let record = try #require(JSONSerialization.jsonObject(with: file) as? [String: Any])
    return Int32(try #require(record["supervisorPID"] as? Int))
  }

  /// The status and the body of a page that a worker serves. Waits for a worker that is being restarted.
  func page(_ path: String, of role: String) throws -> (Int, String) {
    var page: (Int, String)?
    _ = try eventually(30) {
      guard let port = try entries().first(where: { $0["role"] as? String == role })?["httpPort"] as? Int
      else { return false }
      page = HTTPProbe.get(host: "127.0.0.1", port: UInt16(port), path: path)
      return page != nil
    }
    return try #require(page, "\(role) serves no \(path)")
  }

  /// The sum of a metric's series on a worker's `/metrics`, over the lines that contain all of `labels`.
  func metric(_ name: String, of role: String, _ labels: String...) throws -> Double {
    try page("/metrics", of: role).1.split(separator: "\n").filter { line in
      (line.hasPrefix(name + " ") || line.hasPrefix(name + "{"))
        && labels.allSatisfy { $0.isEmpty || line.contains($0) }
    }.reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? 0) }
  }

  func restarts() throws -> [String: Int] {
    let list = try entries()
    return Dictionary(
      list.compactMap { entry in
        guard let role = entry["role"] as? String, let count = entry["restarts"] as? Int else { return nil }
        return (role, count)
      }, uniquingKeysWith: { $1 })
  }

  /// Runs a program to its end. Its output goes to files, so that no pipe can fill.
  static func run(_ path: String, _ words: [String], input: String = "", environment: [String: String] = [:])
    throws -> Output
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = words
    var all = ProcessInfo.processInfo.environment
    all["KAFKA_HOME"] = nil
    process.environment = all.merging(environment) { $1 }
    let files = ["in", "out", "err"].map { name in
      FileManager.default.temporaryDirectory.appendingPathComponent("millrace-\(UUID().uuidString).\(name)")
        .path
    }
    defer { for file in files { try? FileManager.default.removeItem(atPath: file) } }
    try Data(input.utf8).write(to: URL(fileURLWithPath: files[0]))
    for file in files.dropFirst() { _ = FileManager.default.createFile(atPath: file, contents: nil) }
    process.standardInput = FileHandle(forReadingAtPath: files[0])
    process.standardOutput = FileHandle(forWritingAtPath: files[1])
    process.standardError = FileHandle(forWritingAtPath: files[2])
    try process.run()
    process.waitUntilExit()
    func read(_ file: String) -> String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
    return Output(code: process.terminationStatus, text: read(files[1]), error: read(files[2]))
  }
}

/// Waits until a condition is true, up to a limit in seconds. A pause that a stalled machine makes longer counts as
/// twice its length at most.
func eventually(_ limit: TimeInterval = 30, _ condition: () throws -> Bool) rethrows -> Bool {
  var left = limit
  // Check less and less often: most conditions start a process, which takes 50 ms of processor time from other tests.
  var pause = 0.05
  while left > 0 {
    let start = Date()
    if try condition() { return true }
    left -= Date().timeIntervalSince(start)
    let paused = Date()
    Thread.sleep(forTimeInterval: pause)
    left -= min(Date().timeIntervalSince(paused), pause * 2)
    pause = min(0.5, pause * 1.5)
  }
  return try condition()
}

enum Squad {
  /// Writes the first documents of squad2-dev, their questions, and the part of the trace that asks these questions.
  static func subset(of shared: String, documents count: Int, in folder: String) throws -> String {
    let data = shared + "/data/qa/squad2-dev"
    func lines(_ path: String) throws -> [Substring] {
      try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    }
    func field(_ name: String, _ line: Substring) throws -> String {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return try #require(object?[name] as? String)
    }
    let documents = try lines(data + "/documents.jsonl").prefix(count)
    let names = Set(try documents.map { try field("id", $0) })
    let questions = try lines(data + "/questions.jsonl").filter {
      names.contains(try field("context_doc_id", $0))
    }
    let ids = Set(try questions.map { try field("id", $0) })
    let trace = try lines(shared + "/data/traces/rag_replay_conv_x_web07.jsonl").filter {
      ids.contains(try field("question_id", $0))
    }
    let target = folder + "/subset"
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    for (name, rows) in [("documents", Array(documents)), ("questions", questions), ("trace", trace)] {
      try rows.joined(separator: "\n").write(
        toFile: "\(target)/\(name).jsonl", atomically: true, encoding: .utf8)
    }
    return target
  }
}
