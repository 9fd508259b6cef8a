import BlockingExecutor
import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Services
import Settings
import Stage
import Time

/// One run of a replay.
struct Replay {
  /// How long to wait for missing answers after the last query's deadline. Then queries without an answer are lost.
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
        // Show the progress at fixed intervals: at a low rate the next query may be many seconds away.
        while !Task.isCancelled {
          show(book, start)
          try await Task.sleep(for: .milliseconds(200))
        }
      }
      try await send(producer, book, start, until: stop)
      book.endSending()
      let sendSeconds = seconds(since: start)
      // Every query has a terminal state by its deadline, or the pipeline has lost it.
      let deadline = ContinuousClock.now + .milliseconds(plan.template.deadlineMilliseconds) + Self.grace
      while !book.isComplete, book.failure == nil, ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(50))
      }
      // If a query has a second answer, it comes soon after the first.
      try await Task.sleep(for: .seconds(1))
      group.cancelAll()
      return sendSeconds
    }
    await reader.close()
    await producer.close(deadline: .seconds(5))
    Terminal.progress("")
    // If answers could not be read, fail instead of reporting that the pipeline lost queries.
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
        book.answer(key, value, at: now, appendedAt: record.timestampMilliseconds)
      }
    }
  }

  private func show(_ book: QueryBook, _ start: ContinuousClock.Instant) {
    guard Terminal.isInteractive else { return }
    Terminal.progress(
      "\(Int(seconds(since: start))) s: \(book.progress), \(plan.count) to send")
  }

  /// Measures the highest rate of the generator, in queries per second: it sends the same kind of records to a topic
  /// of its own and reads them back, without the pipeline.
  private func ceiling(_ configuration: KafkaConfiguration) async throws -> Double {
    return try await withAdmin(configuration) { admin in
      let topic = "millrace-loadgen-\(run)"
      _ = try await admin.create([
        TopicPlan(name: topic, partitionCount: 4, replicationFactor: 1, settings: [:])
      ])
      let producer = try KafkaProducer(configuration, inFlightMax: 1_000_000)
      await BlockingCalls(name: "warm-up").run { producer.warmUp([topic]) }
      let rate = try await withReader(configuration) { reader in
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
        return Double(count) / seconds(since: start)
      }
      await producer.close(deadline: .seconds(5))
      // A cluster may forbid it.
      do { try await admin.delete(topic: topic) } catch {
        Terminal.complain("the topic \(topic) of the measurement can't be deleted: \(error)")
      }
      return rate
    }
  }

  /// Processor seconds by the processes' roles; empty when no `up` runs with this state folder.
  private func processorTime() -> [String: Double] {
    guard let record = directory.read() else { return [:] }
    var times: [String: Double] = [:]
    for process in record.processes where process.identity.isAlive {
      times[process.role] = ProcessTable.cpuSeconds(of: process.pid)
    }
    return times
  }
}
