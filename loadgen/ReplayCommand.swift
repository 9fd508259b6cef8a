import BlockingExecutor
import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Services
import Settings
import Stage
import Synchronization

/// `loadgen replay`: queries at the times of a recorded trace, whatever becomes of the earlier ones.
enum ReplayCommand {
  static let command = Command(
    "replay", abstract: "Send queries at the times of a recorded trace and follow each to its end.",
    discussion: """
      An open loop: a query is sent when the trace says so, whether earlier ones are answered or not, and its time
      counts from that moment. Before the run the generator measures its own ceiling against the broker alone; a run
      in which it was the limit is called invalid. SIGINT or SIGTERM ends the sending; what was sent is followed to its
      end and reported.
      """,
    arguments: "TRACE",
    options: [
      .option("--questions", "FILE", "JSON lines with id and question"),
      .option("--speed", "N", "times as fast as recorded: 10x (default 1x)"),
      .option("--rate", "N", "queries per second on average, instead of --speed"),
      .option("--duration", "TIME", "how long to send: 60s, 5m (default: once through the trace)"),
      .option("--tenant", "NAME", "tenant (default: default)"),
      .option("--deadline", "MS", "of each query (default 60000)"),
      .option("--cache", "POLICY", "default, bypass or refresh"),
      .option("--mode", "MODE", "answer or retrieve"),
    ]
  ) { arguments in
    let plan = try ReplayPlan(arguments)
    let settings = try Configuration.settings(arguments)
    let report = try await Replay(plan, settings, StateDirectory.find(arguments)).run(
      until: StopRequest.fromSignals(interrupt: true))
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return report.isGood ? .success : .failure
  }
}

/// A command line, read.
struct ReplayPlan {
  let trace: Trace
  let speed: Double
  let count: Int
  let template: QueryRecord

  init(_ arguments: ParsedArguments) throws {
    guard arguments.positionals.count == 1, let questions = arguments.value("--questions") else {
      throw UsageError("give one TRACE and --questions FILE")
    }
    trace = try Trace(path: arguments.positionals[0], questions: questions)
    if let rate = arguments.value("--rate") {
      guard arguments.value("--speed") == nil else { throw UsageError("give --speed or --rate, not both") }
      guard let rate = Double(rate), rate > 0, rate <= 100_000 else {
        throw UsageError("--rate: '\(rate)' must be a number above 0, at most 100000")
      }
      speed = rate / trace.rate
    } else {
      let text = arguments.value("--speed") ?? "1"
      guard let value = Double(text.hasSuffix("x") ? String(text.dropLast()) : text), value > 0,
        value <= 10_000
      else { throw UsageError("--speed: '\(text)' must be a number above 0, at most 10000, such as 10x") }
      speed = value
    }
    if let text = arguments.value("--duration") {
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
      guard let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()), number > 0
      else {
        throw UsageError("--duration: '\(text)' must be a number with s, m or h")
      }
      let duration = number * unit
      var count = 0
      while trace.arrival(count, speed: speed).at < duration { count += 1 }
      self.count = count
    } else {
      count = trace.arrivals.count
    }
    guard let id = QueryID("replay") else { throw UsageError("no id") }
    var query = QueryRecord(id: id, tenant: try arguments.tenant(), text: "?")
    query.deadlineMilliseconds =
      Int64(
        try arguments.integer("--deadline", in: 1...Int(QueryRecord.deadlineMaxMilliseconds))
          ?? Int(QueryRecord.deadlineDefaultMilliseconds))
    if let policy = arguments.value("--cache") {
      guard let known = QueryRecord.CachePolicy(rawValue: policy) else {
        throw UsageError("--cache: '\(policy)' must be default, bypass or refresh")
      }
      query.cache = known
    }
    if let mode = arguments.value("--mode") {
      guard let known = QueryRecord.Mode(rawValue: mode) else {
        throw UsageError("--mode: '\(mode)' must be answer or retrieve")
      }
      query.mode = known
    }
    template = query
  }
}

/// One run.
struct Replay {
  /// How long an answer may be late beyond its query's deadline before the query counts as lost.
  private static let grace = Duration.seconds(15)

  private let plan: ReplayPlan
  private let settings: Settings
  private let directory: StateDirectory
  private let run = String(UUID().uuidString.prefix(8)).lowercased()

  init(_ plan: ReplayPlan, _ settings: Settings, _ directory: StateDirectory) {
    self.plan = plan
    self.settings = settings
    self.directory = directory
  }

  func run(until stop: StopRequest) async throws -> ReplayReport {
    let configuration = settings.kafkaConfiguration(clientID: "millrace-loadgen")
    let producer = try KafkaProducer(configuration, inFlightMax: 1_000_000)
    let reader = ReplayReader(configuration)
    let topic = settings.topic(.answers)
    try await reader.assign(
      Dictionary(
        uniqueKeysWithValues: (0..<settings.partitionCount(.answers)).map {
          (TopicPartition(topic, $0), .end)
        }))
    await BlockingCalls(name: "warm-up").run { producer.warmUp([settings.topic(.queries)]) }
    let ceiling = try await ceiling(configuration)
    let book = QueryBook(count: plan.count, run: run)
    let before = processorTime()
    let start = ContinuousClock.now
    let sendSeconds = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do { try await follow(reader, book, start) } catch is CancellationError {} catch { book.fail(error) }
      }
      group.addTask {
        // By the clock: at a low rate the next query may be many seconds away.
        while !Task.isCancelled {
          show(book, start)
          try await Task.sleep(for: .milliseconds(200))
        }
      }
      try await send(producer, book, start, until: stop)
      book.endSending()
      let sendSeconds = seconds(since: start)
      // Every query has a state by its deadline, or the pipeline has lost it.
      let deadline = ContinuousClock.now + .milliseconds(plan.template.deadlineMilliseconds) + Self.grace
      while !book.isComplete, book.failure == nil, ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(50))
      }
      // Second answers, if there are any, come a moment later.
      try await Task.sleep(for: .seconds(1))
      group.cancelAll()
      return sendSeconds
    }
    await reader.close()
    await producer.close(deadline: .seconds(5))
    Terminal.progress("")
    // What could not be followed is not lost by the pipeline.
    if let failure = book.failure { throw failure }
    var report = book.report
    report.seconds = sendSeconds
    report.speed = plan.speed
    report.ceiling = ceiling
    let after = processorTime()
    for (role, used) in after { report.cpu[role] = used - (before[role] ?? 0) }
    return report
  }

  private func seconds(since start: ContinuousClock.Instant) -> Double {
    (ContinuousClock.now - start) / .seconds(1)
  }

  private func send(
    _ producer: KafkaProducer, _ book: QueryBook, _ start: ContinuousClock.Instant, until stop: StopRequest
  ) async throws {
    try await withThrowingDiscardingTaskGroup { group in
      for number in 0..<plan.count {
        let arrival = plan.trace.arrival(number, speed: plan.speed)
        let due = start + .seconds(arrival.at)
        while due > .now, !stop.isRequested {
          try await Task.sleep(until: min(due, .now + .milliseconds(200)), tolerance: .zero)
        }
        if stop.isRequested { break }
        guard let id = QueryID("\(run)-\(number)") else { continue }
        var query = plan.template
        query.id = id
        query.text = arrival.question
        book.send(number, at: arrival.at, late: (ContinuousClock.now - due) / .milliseconds(1))
        let record = OutgoingRecord(
          topic: settings.topic(.queries), key: query.key.bytes, value: query.json.bytes)
        group.addTask { try await producer.send(record) }
      }
    }
  }

  private func follow(_ reader: ReplayReader, _ book: QueryBook, _ start: ContinuousClock.Instant)
    async throws
  {
    while !Task.isCancelled {
      for record in try await reader.next(maxRecords: 1000, maxWait: .milliseconds(50)) {
        guard let value = record.value, let key = record.key else { continue }
        let now = seconds(since: start)
        book.answer(key, value, at: now)
      }
    }
  }

  private func show(_ book: QueryBook, _ start: ContinuousClock.Instant) {
    guard Terminal.isInteractive else { return }
    Terminal.progress(
      "\(Int(seconds(since: start))) s: \(book.progress), \(plan.count) to send")
  }

  /// What the generator can do at most: the same records by the same code, to a topic that nobody works on.
  private func ceiling(_ configuration: KafkaConfiguration) async throws -> Double {
    let admin = KafkaAdmin(configuration)
    let topic = "millrace-loadgen-\(run)"
    _ = try await admin.create([
      TopicPlan(name: topic, partitionCount: 4, replicationFactor: 1, settings: [:])
    ])
    let producer = try KafkaProducer(configuration, inFlightMax: 1_000_000)
    await BlockingCalls(name: "warm-up").run { producer.warmUp([topic]) }
    let reader = ReplayReader(configuration)
    try await reader.assign(
      Dictionary(uniqueKeysWithValues: (0..<4).map { (TopicPartition(topic, Int32($0)), .beginning) }))
    let count = 4000
    let start = ContinuousClock.now
    async let read: Void = {
      var seen = 0
      let limit = ContinuousClock.now + .seconds(60)
      while seen < count, !Task.isCancelled, ContinuousClock.now < limit {
        seen += try await reader.next(maxRecords: 1000, maxWait: .milliseconds(50)).count
      }
    }()
    try await withThrowingDiscardingTaskGroup { group in
      for number in 0..<count {
        let query = plan.trace.arrival(number, speed: 1).question
        var record = plan.template
        record.text = query
        let out = OutgoingRecord(topic: topic, key: Array("\(number)".utf8), value: record.json.bytes)
        group.addTask { try await producer.send(out) }
      }
    }
    try await read
    let rate = Double(count) / seconds(since: start)
    await producer.close(deadline: .seconds(5))
    await reader.close()
    try await admin.delete(topic: topic)
    await admin.close()
    return rate
  }

  /// By role, where `up` runs on this machine.
  private func processorTime() -> [String: Double] {
    guard let record = directory.read() else { return [:] }
    var times: [String: Double] = [:]
    for process in record.processes where process.identity.isAlive {
      times[process.role] = ProcessTable.cpuSeconds(of: process.pid)
    }
    return times
  }
}

/// Every query that was sent, and what came back.
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

  func answer(_ key: [UInt8], _ value: [UInt8], at seconds: Double) {
    guard let text = String(validating: key, as: UTF8.self), let range = text.range(of: prefix),
      let number = Int(text[range.upperBound...]), let answer = try? AnswerRecord(value: value)
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

  /// What was not sent is waited for by nobody.
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
        perSecond[Int(entry.at), default: 0] += 1
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
