import CommandLine
import Encoder
import Foundation
import KafkaClient
import LocalState
import Records
import Settings
import Stage
import Synchronization

enum EvalCommand {
  static let command = Command(
    "eval", abstract: "Measure a running pipeline.",
    subcommands: [
      Command(
        "retrieval", abstract: "Recall at 1, 5 and 10 of questions whose documents are known.",
        discussion: """
          DOCUMENTS has a record per line ({id, text, …}), QUESTIONS too ({id, question, relevant_doc_ids}); questions
          without relevant documents are left out. With --verify every answer is compared with a scalar scan over the
          vectors that lie in rag.vectors: scores within 1e-5, ties by document id, then chunk.
          """,
        options: [
          .option("--documents", "FILE", "put these first, under --tenant"),
          .option("--questions", "FILE", "the questions"),
          .option("--tenant", "NAME", "tenant (default: eval)"),
          .option("--limit", "N", "only the first N questions"),
          .flag("--verify", "compare with a brute-force scan"),
        ], action: retrieval),
      Command(
        "latency",
        abstract: "Time between stages that is not work, on an idle system, beside the broker's bare hop.",
        options: [
          .option("--count", "N", "how many queries (default 200)"),
          .option("--warm-up", "N", "queries before those that count (default 10)"),
          .option("--tenant", "NAME", "tenant (default: default)"),
          .option("--question", "TEXT", "what is asked"),
          .flag("--cached", "ask for an answer that is in the cache, instead of mode retrieve"),
        ], action: latency),
      EvalAnswers.command, EvalConcurrency.command,
    ])

  private static func retrieval(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant(default: "eval")
    guard let path = arguments.value("--questions") else { throw UsageError("--questions is missing") }
    if let documents = arguments.value("--documents") {
      try await DocumentClient.putAll(try DocumentFiles.lines(path: documents, tenant), settings)
    }
    let questions = try Question.read(path, limit: arguments.integer("--limit", in: 1...1_000_000))
    let client = try QueryClient(settings: settings)
    let queries = questions.compactMap { question -> QueryRecord? in
      guard let id = QueryID("eval-\(UUID().uuidString.lowercased())") else { return nil }
      var query = QueryRecord(id: id, tenant: tenant, text: question.text, mode: .retrieve)
      query.topK = 10
      query.deadlineMilliseconds = QueryRecord.deadlineMaxMilliseconds
      return query
    }
    let watch = Stopwatch()
    let answers = try await client.ask(queries, concurrency: 32) { done, _ in
      if done % 100 == 0 { Terminal.bar(done, of: queries.count, "asked") }
    }
    let seconds = watch.seconds
    await client.close()
    if Terminal.isInteractive { Terminal.complain("") }
    var report = RetrievalReport(questions: questions, answers: answers, seconds: seconds)
    if arguments.flag("--verify") {
      report.mismatches = try await BruteForce.mismatches(
        queries, answers, tenant: tenant, settings: settings)
    }
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return report.isGood ? .success : .failure
  }

  private static func latency(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant()
    let report = try await LatencyReport.measure(
      settings, tenant: tenant, count: arguments.integer("--count", in: 10...100_000) ?? 200,
      warmUp: arguments.integer("--warm-up", in: 0...100_000) ?? 10,
      question: arguments.value("--question") ?? "How long are backups kept?",
      isCached: arguments.flag("--cached"))
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return .success
  }
}

/// A question with the documents that answer it.
struct Question: Sendable {
  var text: String
  var relevant: Set<String>

  static func read(_ path: String, limit: Int?) throws -> [Question] {
    let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    var questions: [Question] = []
    for line in data.split(separator: 0x0A) {
      let value = try JSONReader.read(Array(line))
      let relevant = Set(value["relevant_doc_ids"]?.arrayValue?.compactMap(\.stringValue) ?? [])
      guard let text = value["question"]?.stringValue, !relevant.isEmpty else { continue }
      questions.append(Question(text: text, relevant: relevant))
      if questions.count == limit { break }
    }
    guard !questions.isEmpty else {
      throw UsageError("--questions: '\(path)' must hold lines with question and relevant_doc_ids")
    }
    return questions
  }
}

struct RetrievalReport: Sendable {
  var questions: [Question]
  var answers: [AnswerRecord?]
  var seconds: Double
  /// Nil when not verified.
  var mismatches: [String]?

  private func recall(at count: Int) -> Double {
    let found = zip(questions, answers).count { question, answer in
      answer?.citations.prefix(count).contains { question.relevant.contains($0.documentID.rawValue) } ?? false
    }
    return Double(found) / Double(max(1, questions.count))
  }

  private var missing: Int { answers.count { $0 == nil } }
  private var partial: Int { answers.count { ($0?.shardsAnswered ?? 0) < ($0?.shardsTotal ?? 0) } }
  var isGood: Bool { missing == 0 && (mismatches?.isEmpty ?? true) }

  var json: JSONValue {
    .object([
      "questions": .int(questions.count), "missing": .int(missing), "partial": .int(partial),
      "recall_at_1": .double(recall(at: 1)), "recall_at_5": .double(recall(at: 5)),
      "recall_at_10": .double(recall(at: 10)),
      "questions_per_second": .double(Double(questions.count) / seconds),
      "mismatches": mismatches.map { .int($0.count) },
    ])
  }

  var text: String {
    var lines = [
      "\(questions.count) questions in \(String(format: "%.1f", seconds)) s, \(missing) without answer, "
        + "\(partial) from a part of the shards",
      "recall@1 \(String(format: "%.4f", recall(at: 1)))  recall@5 \(String(format: "%.4f", recall(at: 5)))  "
        + "recall@10 \(String(format: "%.4f", recall(at: 10)))",
    ]
    if let mismatches {
      lines.append("compared with a brute-force scan: \(mismatches.count) answers differ")
      lines += mismatches.prefix(5).map { "  \($0)" }
    }
    return lines.joined(separator: "\n")
  }
}

/// The independent check of search: the vectors as they lie in the topic, scanned with scalar loops.
enum BruteForce {
  private struct Row {
    var id: String
    var chunk: UInt32
    var vector: [Float]
  }

  static func mismatches(
    _ queries: [QueryRecord], _ answers: [AnswerRecord?], tenant: TenantID, settings: Settings
  ) async throws -> [String] {
    let rows = try await rows(tenant, settings)
    let encoder = try Encoder(directory: ModelPath.find(settings), modelID: settings.encoder.model)
    var result: [String] = []
    for (query, answer) in zip(queries, answers) {
      guard let answer else { continue }
      let vector = await encoder.encode([query.text])
      if let difference = compare(answer, vector, rows) { result.append("\(query.id): \(difference)") }
    }
    return result
  }

  /// Rows of the highest version of each document; a newer deletion leaves none.
  private static func rows(_ tenant: TenantID, _ settings: Settings) async throws -> [Row] {
    let batches = Mutex<[DocumentKey: (version: Version, rows: [UInt32: Row])]>([:])
    let reader = ReplayReader(settings.kafkaConfiguration(clientID: "millrace-eval"))
    let topic = settings.topic(.vectors)
    try await reader.assign(
      Dictionary(
        uniqueKeysWithValues: (0..<settings.partitionCount(.vectors)).map {
          (TopicPartition(topic, $0), .beginning)
        }))
    try await reader.readToEnd(limit: .seconds(600)) { records in
      for record in records {
        guard let value = record.value, let batch = try? VectorBatch(wireBytes: value),
          batch.header.document.key.tenant == tenant
        else { continue }
        let document = batch.header.document
        batches.withLock { table in
          var entry = table[document.key] ?? (document.version, [:])
          if document.version < entry.version { return }
          if document.version > entry.version { entry = (document.version, [:]) }
          if case .vectors(let chunks, let dimension, let values) = batch.content {
            for (index, chunk) in chunks.enumerated() {
              entry.rows[chunk.number] = Row(
                id: document.key.id.rawValue, chunk: chunk.number,
                vector: Array(values[index * dimension..<(index + 1) * dimension]))
            }
          }
          table[document.key] = entry
        }
      }
    }
    await reader.close()
    return batches.withLock { $0.values.flatMap { $0.rows.values } }
  }

  private static func compare(_ answer: AnswerRecord, _ vector: [Float], _ rows: [Row]) -> String? {
    let scored = rows.map { row -> (Row, Float) in
      var score: Float = 0
      for index in vector.indices { score += row.vector[index] * vector[index] }
      return (row, score)
    }.sorted { a, b in
      if a.1 != b.1 { return a.1 > b.1 }
      if a.0.id != b.0.id { return a.0.id.utf8.lexicographicallyPrecedes(b.0.id.utf8) }
      return a.0.chunk < b.0.chunk
    }
    guard answer.citations.count == min(10, scored.count) else {
      return "\(answer.citations.count) hits instead of \(min(10, scored.count))"
    }
    for (position, citation) in answer.citations.enumerated() {
      let expected = scored[position]
      guard abs(Float(citation.score) - expected.1) <= 1e-5 else {
        return "rank \(position + 1) scores \(citation.score), expected \(expected.1)"
      }
      let name = "\(citation.documentID)#\(citation.chunkID.split(separator: "#").last ?? "")"
      // Scores that differ by rounding alone may change places.
      let isSame = name == "\(expected.0.id)#\(expected.0.chunk)"
      let isTie = scored.contains { abs($0.1 - expected.1) <= 1e-5 && name == "\($0.0.id)#\($0.0.chunk)" }
      guard isSame || isTie else {
        return "rank \(position + 1) is \(name), expected \(expected.0.id)#\(expected.0.chunk)"
      }
    }
    return nil
  }
}

struct LatencyReport: Sendable {
  var isCached: Bool
  var total: [Double]
  var overhead: [Double]
  var waits: [(stage: String, p50: Double)]
  var work: [(stage: String, p50: Double)]
  /// After a pause as long as between queries: an idle processor takes its time to wake, here as there.
  var hop: [Double]
  /// Right after another: caches and processor awake.
  var hotHop: [Double]

  static func percentile(_ values: [Double], _ share: Double) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }

  /// One query at a time: nothing waits for anything but the path itself.
  static func measure(
    _ settings: Settings, tenant: TenantID, count: Int, warmUp: Int, question: String, isCached: Bool
  ) async throws -> LatencyReport {
    let kafka = settings.kafkaConfiguration(clientID: "millrace-latency")
    let producer = try KafkaProducer(kafka)
    let reader = ReplayReader(kafka)
    let topic = settings.topic(.answers)
    try await reader.assign(
      Dictionary(
        uniqueKeysWithValues: (0..<settings.partitionCount(.answers)).map {
          (TopicPartition(topic, $0), .end)
        }))
    var report = LatencyReport(
      isCached: isCached, total: [], overhead: [], waits: [], work: [], hop: [], hotHop: [])
    var timings: [String: (waits: [Double], work: [Double])] = [:]
    let hop = try await HopProbe.open(kafka)
    for number in 0..<count + warmUp {
      guard let id = QueryID("latency-\(UUID().uuidString.lowercased())") else { continue }
      var query = QueryRecord(id: id, tenant: tenant, text: question, mode: isCached ? .answer : .retrieve)
      query.deadlineMilliseconds = 30_000
      try await Task.sleep(for: .milliseconds(10))
      let watch = Stopwatch()
      try await producer.send(
        OutgoingRecord(topic: settings.topic(.queries), key: query.key.bytes, value: query.json.bytes))
      guard let answer = try await next(reader, query.key) else {
        throw Unavailable(description: "no answer to \(id) within 30 s")
      }
      let total = watch.milliseconds
      if isCached, number >= warmUp, answer.cache != .exact {
        throw Unavailable(
          description: "the answer to \(id) (\(answer.status.rawValue)) came not from the cache")
      }
      try await Task.sleep(for: .milliseconds(10))
      let hopTime = try await hop.measure()
      let hotHopTime = try await hop.measure()
      if number < warmUp { continue }  // connections and caches, and a new topic's files at the broker
      report.total.append(total)
      report.overhead.append(total - answer.timings.reduce(0) { $0 + $1.workMilliseconds })
      report.hop.append(hopTime)
      report.hotHop.append(hotHopTime)
      for timing in answer.timings {
        timings[timing.stage, default: ([], [])].waits.append(timing.waitMilliseconds)
        timings[timing.stage, default: ([], [])].work.append(timing.workMilliseconds)
      }
    }
    for stage in ["embed", "search", "retrieve"] {
      guard let timing = timings[stage] else { continue }
      report.waits.append((stage, percentile(timing.waits, 0.5)))
      report.work.append((stage, percentile(timing.work, 0.5)))
    }
    await hop.close()
    await reader.close()
    await producer.close(deadline: .seconds(2))
    return report
  }

  private static func next(_ reader: ReplayReader, _ key: QueryKey) async throws -> AnswerRecord? {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline {
      for record in try await reader.next(maxRecords: 100, maxWait: .milliseconds(500)) {
        guard let value = record.value, record.key == key.bytes else { continue }
        return try AnswerRecord(value: value)
      }
    }
    return nil
  }

  private func both(_ values: [Double]) -> (Double, Double) {
    (Self.percentile(values, 0.5), Self.percentile(values, 0.99))
  }

  var json: JSONValue {
    .object([
      "queries": .int(total.count), "total_p50_ms": .double(both(total).0),
      "total_p99_ms": .double(both(total).1),
      "overhead_p50_ms": .double(both(overhead).0), "overhead_p99_ms": .double(both(overhead).1),
      "hop_p50_ms": .double(both(hop).0), "hop_p99_ms": .double(both(hop).1),
      "hop_back_to_back_p50_ms": .double(both(hotHop).0),
      "bar_cached_p50_ms": isCached ? .double(2 * both(hop).0 + 1.5) : nil,
      "overhead_in_hops_p50": .double(both(overhead).0 / max(0.001, both(hop).0)),
      "waits_p50_ms": .object(waits.map { JSONMember(name: $0.stage, value: .double($0.p50)) }),
      "work_p50_ms": .object(work.map { JSONMember(name: $0.stage, value: .double($0.p50)) }),
    ])
  }

  var text: String {
    func line(_ name: String, _ values: [Double]) -> String {
      let (p50, p99) = both(values)
      return
        "\(name.padding(toLength: 34, withPad: " ", startingAt: 0)) p50 \(String(format: "%.2f", p50)) ms  p99 \(String(format: "%.2f", p99)) ms"
    }
    var lines = [
      "\(total.count) queries, one at a time, \(isCached ? "answered from the cache" : "in mode retrieve")",
      line("query produced to answer consumed", total),
      line("of which not work", overhead), line("bare hop, as idle as the queries", hop),
      line("bare hop, back to back", hotHop),
      "not work, in hops (p50): \(String(format: "%.2f", both(overhead).0 / max(0.001, both(hop).0)))",
    ]
    if isCached {
      lines.append(String(format: "two hops and 1.5 ms (the bar for p50): %.2f ms", 2 * both(hop).0 + 1.5))
    }
    for (wait, work) in zip(waits, self.work) {
      lines.append(
        "  \(wait.stage): waited \(String(format: "%.2f", wait.p50)) ms, worked \(String(format: "%.2f", work.p50)) ms (p50)"
      )
    }
    return lines.joined(separator: "\n")
  }
}

/// One record produced and consumed again, on a topic of its own.
struct HopProbe: Sendable {
  private let topic: String
  private let producer: KafkaProducer
  private let reader: ReplayReader
  private let admin: KafkaAdmin

  static func open(_ kafka: KafkaConfiguration) async throws -> HopProbe {
    let admin = KafkaAdmin(kafka)
    let topic = "millrace-hop-\(getpid())"
    _ = try await admin.create([
      TopicPlan(name: topic, partitionCount: 1, replicationFactor: 1, settings: [:])
    ])
    let reader = ReplayReader(kafka)
    for attempt in 0... {
      do {
        try await reader.assign([TopicPartition(topic, 0): .beginning])
        break
      } catch {
        if attempt > 50 { throw error }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
    return HopProbe(topic: topic, producer: try KafkaProducer(kafka), reader: reader, admin: admin)
  }

  /// Milliseconds.
  func measure() async throws -> Double {
    let watch = Stopwatch()
    try await producer.send(OutgoingRecord(topic: topic, partition: 0, key: nil, value: Array("hop".utf8)))
    while try await reader.next(maxRecords: 1, maxWait: .seconds(1)).isEmpty {}
    return watch.milliseconds
  }

  func close() async {
    await reader.close()
    await producer.close(deadline: .seconds(2))
    do { try await admin.delete(topic: topic) } catch {
      Terminal.complain("topic \(topic) is left: \(error)")
    }
    await admin.close()
  }
}
