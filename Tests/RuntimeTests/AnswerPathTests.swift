import Embed
import Encoder
import Pools
import Foundation
import Generate
import KafkaClient
import Records
import Retrieve
import Search
import Services
import Settings
import Stage
import Synchronization
import Telemetry
import TestSupport
import Testing
import Time

// Goal: retrieve and generate give correct answers when a partition moves while a shard is late, when a document
// expires or changes between two stages, and when a deadline passes. Method: members of the pools run in this process
// on the local broker. The tests produce the input records themselves, so that they control the timing.

/// A worker of a pool in this process.
private struct Member {
  let context: StageContext
  let services: [any Service]

  private let stopping = AsyncStream.makeStream(of: Void.self)

  private let drain: Duration

  /// - Parameter drain: how long work in flight may go on after `stop`.
  init(context: StageContext, services: [any Service], drain: Duration = .seconds(18)) {
    self.context = context
    self.services = services
    self.drain = drain
  }

  func run() async throws {
    try await ServiceGroup(services, graceDeadline: drain + .seconds(30), drain: drain) {
      Issue.record("\($0) did not stop")
    }.run(until: stopping.stream)
  }

  /// Stops the worker as SIGTERM does: records in flight are finished, or left to the next owner.
  func stop() { stopping.continuation.finish() }

  /// The number of queries for which this worker has written a terminal state.
  var stateCount: Double {
    context.metrics.collect().filter { $0.metric.name == MetricName.terminalStates.name }
      .flatMap(\.samples.values).reduce(0) { $0 + $1.value }
  }
}

/// A server that accepts connections and never answers.
private final class SilentServer {
  private let descriptor: Int32
  let url: String

  init() throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = descriptor
    let isOpen = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, size) == 0 && listen(number, 16) == 0 && getsockname(number, $0, &size) == 0
      }
    }
    try #require(isOpen)
    url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/v1"
  }

  deinit { close(descriptor) }
}

/// An LLM whose answer depends on a word in the question.
private final class ChatStub {
  private let process = Process()
  let url: String

  init() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("stub-\(UUID().uuidString)").path
    process.executableURL = URL(fileURLWithPath: Checkout.python)
    process.arguments = [Checkout.path + "/Tests/Scripts/llm_stub.py", file]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    var port: String?
    for _ in 0..<100 where port == nil {
      Thread.sleep(forTimeInterval: 0.1)
      port = try? String(contentsOfFile: file, encoding: .utf8)
    }
    try? FileManager.default.removeItem(atPath: file)
    url = "http://127.0.0.1:\(try #require(port))/v1"
  }

  /// Uses SIGKILL, because a test's children inherit its blocked signals.
  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct AnswerPathTests {
  /// The partition of the tests' queries. Members are sorted by name, and the first member gets the lower partitions.
  private static let partition: Int32 = 0

  private let test: TestBroker
  private let settings: Settings
  /// Stands in for the earlier stages: sends their records.
  private let before: StageContext

  init() async throws {
    test = try TestBroker()
    settings = try Self.settings(test)
    before = try StageContext(name: "before", settings: settings)
    let admin = KafkaAdmin(test.kafka)
    _ = try await TopicSetup(settings: settings, admin: admin).create()
    await admin.close()
  }

  private static func settings(_ test: TestBroker, _ flags: [String: String] = [:]) throws -> Settings {
    // The other members learn of a new member with their next heartbeat, after at most a fifth of the session timeout.
    let broker = [
      "--kafka-bootstrap-servers": test.kafka.bootstrapServers, "--kafka-session-timeout": "6s",
    ]
    return try Settings(SettingsTable(flags: broker.merging(flags) { $1 }))
  }

  private func retrieve(_ name: String, wait: Duration = .milliseconds(500), memory: Duration = .seconds(720))
    throws
    -> Member
  {
    let context = try StageContext(
      name: name, settings: Self.settings(test, ["--retrieve-wait": "\(wait.milliseconds)ms"]))
    return Member(context: context, services: RetrieveStage.services(context, memory: memory))
  }

  /// A query in flight that was asked an hour ago.
  private func oldFlight(_ id: String, outcome: QueryInFlight.Outcome? = nil) throws -> QueryInFlight {
    var flight = try flight(id)
    flight.askedAtMilliseconds = WallClock.milliseconds - 3_600_000
    flight.deadlineAtMilliseconds = flight.askedAtMilliseconds + 60_000
    flight.outcome = outcome
    return flight
  }

  private func flight(_ id: String, mode: QueryRecord.Mode = .retrieve, text: String = "Which port?") throws
    -> QueryInFlight
  {
    var flight = QueryInFlight(query: QueryRecord(id: try #require(QueryID(id)), text: text, mode: mode))
    flight.deadlineAtMilliseconds = WallClock.milliseconds + flight.query.deadlineMilliseconds
    return flight
  }

  private func document(_ id: String, expiresIn: Duration? = nil) throws -> DocumentInfo {
    var info = DocumentInfo(
      key: DocumentKey(tenant: .standard, id: try #require(DocumentID(id))),
      version: Version(epoch: 1, offset: 1))
    if let expiresIn { info.expiresAtMilliseconds = WallClock.milliseconds + expiresIn.milliseconds }
    return info
  }

  private func hit(_ document: DocumentInfo, score: Float = 0.9) -> Hit {
    var chunk = Chunk()
    chunk.text = "The port is 8080."
    chunk.end = UInt64(chunk.text.utf8.count)
    return Hit(document: document, chunk: chunk, denseScore: score)
  }

  /// Produces the candidates of one of `count` shards.
  private func sendCandidates(
    _ flight: QueryInFlight, shard: UInt32 = 0, of count: UInt32 = 1, round: UInt32 = 0, _ hits: [Hit] = [],
    covered: [Int32]? = nil, partition: Int32 = Self.partition
  ) async throws {
    var record = CandidatesRecord(flight: flight)
    record.shard = shard
    record.shardCount = count
    record.partitions = covered ?? [Int32(shard)]
    record.partitionTotal = count
    record.round = round
    record.hits = hits
    record.dense = hits.indices.map { Int32($0) }
    try await before.producer.send(
      OutgoingRecord(
        topic: before.topic(.candidates), partition: partition, key: flight.key.bytes,
        value: record.wireBytes))
  }

  /// All records of a topic.
  private func records(_ topic: TopicName) async throws -> [ConsumerRecord] {
    let reader = ReplayReader(test.kafka)
    let name = before.topic(topic)
    try await reader.assign(
      Dictionary(
        uniqueKeysWithValues: (0..<settings.partitionCount(topic)).map {
          (TopicPartition(name, Int32($0)), .beginning)
        }))
    let all = Mutex<[ConsumerRecord]>([])
    try await reader.readToEnd(limit: .seconds(20)) { batch in all.withLock { $0 += batch } }
    await reader.close()
    return all.withLock { $0 }
  }

  /// All answers to a query.
  private func answers(_ id: String) async throws -> [AnswerRecord] {
    try await records(.answers).compactMap { try $0.value.map { try AnswerRecord(value: $0) } }.filter {
      $0.id == id
    }
  }

  /// Waits up to 30 s for the first answer to a query.
  private func answer(_ id: String) async throws -> AnswerRecord {
    for _ in 0..<300 {
      if let answer = try await answers(id).first { return answer }
      try await Task.sleep(for: .milliseconds(100))
    }
    return try #require(try await answers(id).first, "\(id) has no answer within 30 s")
  }

  /// Sends queries until this member has answered one. It then owns the partition.
  private func waitUntilOwner(_ member: Member, partition: Int32 = Self.partition) async throws {
    let end = ContinuousClock.now + .seconds(60)
    let start = member.stateCount
    var number = 0
    while member.stateCount == start {
      try #require(
        ContinuousClock.now < end, "\(member.context.name) does not own the partition after a minute")
      try await sendCandidates(flight("warm-\(member.context.name)-\(number)"), partition: partition)
      number += 1
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private func waitUntilCommitted(_ group: String, _ topic: TopicName) async throws {
    let admin = KafkaAdmin(test.kafka)
    let partition = TopicPartition(before.topic(topic), Self.partition)
    let end = ContinuousClock.now + .seconds(20)
    while try await admin.lag(group: group, [partition])[partition] != 0 {
      try #require(ContinuousClock.now < end, "not everything is committed after 20 s")
      try await Task.sleep(for: .milliseconds(100))
    }
    await admin.close()
  }

  @Test("when a partition moves while a shard is late, the former owner does not answer")
  func lateShardAndMove() async throws {
    // The second member comes first by name, so it gets the lower half of the partitions.
    let wait = Duration.seconds(12)
    // The second member starts its wait up to some seconds later, depending on heartbeats. The wait must not end before
    // the test's checks.
    let (first, second) = (try retrieve("b", wait: wait), try retrieve("a", wait: wait * 2))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await first.run() }
      try await waitUntilOwner(first)
      let moved = try flight("moved")
      try await sendCandidates(moved, shard: 0, of: 2)
      let given = ContinuousClock.now
      group.addTask { try await second.run() }
      try await waitUntilOwner(second)
      // The first member's wait for the other shard has ended; the second member's has not.
      try await Task.sleep(until: given + wait + .seconds(1))
      #expect(try await answers("moved") == [], "the former owner must not answer")
      try await sendCandidates(moved, shard: 1, of: 2)
      #expect(try await answer("moved").shardsAnswered == 2, "the new owner has both shards")

      // A member that stops can't receive late shards either, and leaves the round to the next owner.
      let back = try flight("back")
      try await sendCandidates(back, shard: 0, of: 2)
      try await Task.sleep(for: .milliseconds(500))
      second.stop()
      try await waitUntilOwner(first)
      #expect(try await answers("back") == [])
      try await sendCandidates(back, shard: 1, of: 2)
      #expect(try await answer("back").shardsAnswered == 2)
      try await waitUntilCommitted("rag-retrieve", .candidates)
      first.stop()
      try await group.waitForAll()
    }
    for id in ["moved", "back"] { #expect(try await answers(id).count == 1, "\(id) must have one answer") }
  }

  @Test("when a partition was revoked and is assigned again, the wait for a late shard starts again")
  func lateShardAndReturn() async throws {
    let wait = Duration.seconds(12)
    // The second member gets the upper half. The rebalance revokes the lower half from the first and assigns it again.
    let (first, second) = (try retrieve("a", wait: wait), try retrieve("b", wait: wait))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await first.run() }
      try await waitUntilOwner(first)
      let query = try flight("kept")
      for shard in [UInt32(0), 1] { try await sendCandidates(query, shard: shard, of: 3) }
      try await Task.sleep(for: .milliseconds(500))
      let given = ContinuousClock.now
      group.addTask { try await second.run() }
      try await waitUntilOwner(second, partition: Int32(settings.partitionCount(.candidates)) - 1)
      // Candidates that arrived during the rebalance may not have been read when the first wait ends.
      try await Task.sleep(until: given + wait + .seconds(1))
      #expect(try await answers("kept") == [])
      try await sendCandidates(query, shard: 2, of: 3)
      #expect(try await answer("kept").shardsAnswered == 3)
      first.stop()
      second.stop()
      try await group.waitForAll()
    }
    #expect(try await answers("kept").count == 1)
  }

  @Test("candidates that are an hour late contradict no answer, and a query without an answer expires")
  func shardAfterAnHour() async throws {
    let answered = try oldFlight("answered-before")
    var answer = AnswerRecord(answered, status: .answered)
    answer.text = "long ago"
    try await before.producer.send(before.answerRecords(answer, replyTo: nil, headers: []))
    // The member remembers answers for one second instead of the usual ten minutes, so this answer is forgotten.
    try await Task.sleep(for: .milliseconds(2500))
    let member = try retrieve("a", memory: .seconds(1))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      try await waitUntilOwner(member)
      for flight in [
        try oldFlight("answered-before", outcome: .expired), try oldFlight("open", outcome: .expired),
      ] {
        try await sendCandidates(flight, shard: 1, of: 2)
      }
      #expect(try await self.answer("open").status == .expired)
      try await waitUntilCommitted("rag-retrieve", .candidates)
      member.stop()
      try await group.waitForAll()
    }
    #expect(try await answers("answered-before").map(\.status) == [.answered])
  }

  @Test("candidates of a late shard do not open a round again that a former owner finished")
  func finishedRound() async throws {
    let query = try flight("finished")
    var prompt = PromptRecord(flight: query)
    prompt.model = "m"
    try await before.producer.send(before.queryRecord(.prompts, query.key, prompt.wireBytes, headers: []))
    var again = SearchRecord(flight: try flight("searched-again"))
    again.round = 1
    try await before.producer.send(
      before.queryRecord(.searches, again.flight.key, again.wireBytes, headers: []))
    let member = try retrieve("a")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      try await waitUntilOwner(member)
      try await sendCandidates(query, shard: 1, of: 2, [hit(document("a"))])
      try await sendCandidates(again.flight, shard: 1, of: 2, [hit(document("a"))])
      // Round 1 of the second query is still open.
      try await sendCandidates(again.flight, shard: 0, of: 1, round: 1, [hit(document("a"))])
      #expect(try await answer("searched-again").citations.count == 1)
      try await waitUntilCommitted("rag-retrieve", .candidates)
      member.stop()
      try await group.waitForAll()
    }
    #expect(try await answers("finished") == [])
    #expect(try await answers("searched-again").count == 1)
    #expect(try await records(.prompts).count { $0.key == query.key.bytes } == 1)
  }

  @Test("shards whose candidates the broker refused have not answered: the answer says so, or fails")
  func refusedCandidates() async throws {
    let member = try retrieve("a", wait: .seconds(120))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      try await waitUntilOwner(member)
      let start = ContinuousClock.now
      try await sendCandidates(flight("half"), shard: 0, of: 2, [hit(document("a"))])
      try await sendCandidates(flight("half"), shard: 1, of: 2, covered: [])
      let half = try await answer("half")
      #expect(half.status == .answered && half.shardsAnswered == 1 && half.shardsTotal == 2)
      try await sendCandidates(flight("none"), covered: [])
      let none = try await answer("none")
      #expect(none.status == .failed && none.shardsAnswered == 0 && none.error?.field == "candidates")
      #expect(ContinuousClock.now - start < .seconds(25), "nobody waits for a shard that was refused")
      member.stop()
      try await group.waitForAll()
    }
  }

  @Test("a query whose ID was answered recently counts as a duplicate and is dropped")
  func repeatedID() async throws {
    let context = try StageContext(name: "embed", settings: Self.settings(test))
    let member = Member(
      context: context,
      services: try EmbedQueriesStage.services(context, encoder: try encoder(), redis: nil, rulesVersion: 1))
    func ask(_ id: String) async throws {
      let query = QueryRecord(id: try #require(QueryID(id)), text: "Which port?")
      try await before.producer.send(
        OutgoingRecord(topic: before.topic(.queries), key: nil, value: query.json.bytes))
    }
    try await before.producer.send(
      before.answerRecords(AnswerRecord(try flight("again"), status: .expired), replyTo: nil, headers: []))
    try await ask("again")
    try await ask("new")
    var isDropped = false
    func searched() async throws -> Set<String> {
      Set(try await records(.searches).map { String(decoding: $0.key ?? [], as: UTF8.self) })
    }
    func waitUntilSearched(_ id: String) async throws {
      for _ in 0..<300 {
        if try await searched().contains("default/\(id)") { return }
        try await Task.sleep(for: .milliseconds(100))
      }
      Issue.record("\(id) is not searched")
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      try await waitUntilSearched("new")
      // Another process answers a query while the member runs. On a busy machine the member may read that answer late.
      for round in 0..<5 where !isDropped {
        try await before.producer.send(
          before.answerRecords(
            AnswerRecord(try flight("later-\(round)"), status: .expired), replyTo: nil, headers: []))
        try await Task.sleep(for: .seconds(1))
        try await ask("later-\(round)")
        try await ask("last-\(round)")
        try await waitUntilSearched("last-\(round)")
        // Its partition may be a later one than that of the query behind it.
        try await Task.sleep(for: .seconds(1))
        isDropped = try await !searched().contains("default/later-\(round)")
      }
      member.stop()
      try await group.waitForAll()
    }
    #expect(isDropped)
    #expect(try await !searched().contains("default/again"))
  }

  @Test("queries that wait for a token that is never reached do not hold up the others of their batch")
  func hopelessToken() async throws {
    // The wait is long, so that the two kinds of queries can be told apart on a busy machine, too.
    let context = try StageContext(name: "search-0", settings: Self.settings(test, ["--search-wait": "6s"]))
    let member = Member(context: context, services: try SearchStage.services(context, shard: 0))
    for number in 0..<40 {
      var search = SearchRecord(flight: try flight("\(number % 2 == 0 ? "waits" : "goes")-\(number)"))
      if number % 2 == 0 { search.flight.query.after = VectorsToken(partition: 0, nextOffset: 1_000_000) }
      search.vector = [1, 0]
      try await before.producer.send(
        OutgoingRecord(
          topic: before.topic(.searches), partition: Self.partition, key: search.flight.key.bytes,
          value: search.wireBytes))
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      for _ in 0..<300 {
        if try await records(.candidates).count >= 40 { break }
        try await Task.sleep(for: .milliseconds(100))
      }
      member.stop()
      try await group.waitForAll()
    }
    let times = Dictionary(grouping: try await records(.candidates)) {
      String(decoding: $0.key ?? [], as: UTF8.self).hasPrefix("default/waits")
    }.mapValues { $0.map(\.timestampMilliseconds) }
    let (waiting, going) = (try #require(times[true]), try #require(times[false]))
    #expect(waiting.count == 20 && going.count == 20)
    #expect(try #require(going.max()) < #require(waiting.min()))
  }

  @Test("if a shard never answers, the owner of the partition answers from the other shards")
  func lostShard() async throws {
    let member = try retrieve("a")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      try await sendCandidates(flight("partial"), shard: 1, of: 2, [hit(document("a"))])
      let answer = try await answer("partial")
      #expect(answer.status == .answered && answer.shardsAnswered == 1 && answer.shardsTotal == 2)
      #expect(answer.citations.map(\.documentID.rawValue) == ["a"])
      member.stop()
      try await group.waitForAll()
    }
  }

  @Test("retrieve does not cite documents that expired or changed, and a passed deadline expires the query")
  func retrieveChecks() async throws {
    let member = try retrieve("a")
    let changed = try document("changed")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      try await waitUntilOwner(member)
      try await sendCandidates(
        flight("expiry"), [hit(document("over", expiresIn: .seconds(-1))), hit(document("kept"), score: 0.5)])
      let kept = try await answer("expiry")
      #expect(kept.citations.map(\.documentID.rawValue) == ["kept"])
      #expect(kept.staleOmitted == 0, "an expired document does not cause a second search")

      try await publish(changed, .indexed)
      try await sendCandidates(flight("change"), [hit(changed), hit(document("kept"), score: 0.5)])
      try await waitUntilSearchedAgain("change")
      #expect(try await answers("change") == [])
      try await sendCandidates(flight("change"), round: 1, [hit(changed), hit(document("kept"), score: 0.5)])
      let second = try await answer("change")
      #expect(second.citations.map(\.documentID.rawValue) == ["kept"] && second.staleOmitted == 1)

      var late = try flight("late")
      late.deadlineAtMilliseconds = WallClock.milliseconds - 1
      try await sendCandidates(late, [hit(document("kept"))])
      let expired = try await answer("late")
      #expect(expired.status == .expired && expired.citations.isEmpty)
      member.stop()
      try await group.waitForAll()
    }
  }

  @Test("generate does not cite documents that expired or changed, and a passed deadline expires the query")
  func generateChecks() async throws {
    let encoder = try encoder()
    let member = try generate("a", encoder)
    let vector = await encoder.encode(["Which port does the service use?"])
    func sendPrompt(_ flight: QueryInFlight, round: UInt32 = 0, _ documents: [DocumentInfo]) async throws {
      try await self.sendPrompt(flight, vector, round: round, documents)
    }
    let changed = try document("changed")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await member.run() }
      try await sendPrompt(flight("plain", mode: .answer), [document("kept")])
      #expect(try await answer("plain").citations.map(\.documentID.rawValue) == ["kept"])

      try await sendPrompt(flight("expiry", mode: .answer), [document("over", expiresIn: .seconds(-1))])
      try await waitUntilSearchedAgain("expiry")
      #expect(try await answers("expiry") == [])
      try await sendPrompt(
        flight("expiry", mode: .answer), round: 1, [document("over", expiresIn: .seconds(-1))])
      let refused = try await answer("expiry")
      #expect(refused.status == .refused && refused.citations.isEmpty)

      try await publish(changed, .indexed)
      try await sendPrompt(flight("change", mode: .answer), [changed])
      try await waitUntilSearchedAgain("change")
      #expect(try await answers("change") == [])
      try await sendPrompt(flight("change", mode: .answer), round: 1, [changed, document("kept")])
      let second = try await answer("change")
      #expect(second.citations.map(\.documentID.rawValue) == ["kept"] && second.staleOmitted == 1)

      var late = try flight("late", mode: .answer)
      late.deadlineAtMilliseconds = WallClock.milliseconds - 1
      try await sendPrompt(late, [document("kept")])
      #expect(try await answer("late").status == .expired)
      member.stop()
      try await group.waitForAll()
    }
  }

  @Test("a prompt that is redelivered while it is being answered is not committed before its answer")
  func promptComesBack() async throws {
    let encoder = try encoder()
    let vector = await encoder.encode(["Which port does the service use?"])
    // The first member's LLM never answers. The second member's LLM answers every question without HANG.
    let (silent, stub) = (try SilentServer(), try ChatStub())
    let first = try generate("b", encoder, llm: silent.url, drain: .seconds(3))
    let second = try generate("a", encoder, llm: stub.url, drain: .seconds(3))
    func send(_ id: String, _ text: String, _ documents: [DocumentInfo]) async throws {
      try await sendPrompt(flight(id, mode: .answer, text: text), vector, round: 0, documents)
    }
    func committed() async throws -> Int64 {
      let admin = KafkaAdmin(test.kafka)
      let partition = TopicPartition(before.topic(.prompts), Self.partition)
      let offsets = try await admin.committed(group: "rag-generate", [partition])
      await admin.close()
      return offsets[partition]?.nextOffset ?? 0
    }
    let documents = try [document("kept")]
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await first.run() }
      // Without documents the query is refused at once, and the LLM is not asked.
      try await send("ready", "Which port?", [])
      _ = try await answer("ready")
      try await send("moved", "Which port?", documents)
      try await send("back", "Which port does the service use, HANG?", documents)
      try await send("begun", "Which port?", [])
      _ = try await answer("begun")
      group.addTask { try await second.run() }
      // The second member has answered and committed one prompt; the other is still in flight.
      #expect(try await answer("moved").engine == "llm")
      while try await committed() != 2 { try await Task.sleep(for: .milliseconds(50)) }
      second.stop()
      try await send("returned", "Which port?", [])
      _ = try await answer("returned")
      // The first member owns the partition again, with the prompt that it is still answering.
      try await Task.sleep(for: .seconds(1))
      #expect(try await committed() == 2, "after a crash the prompt must be redelivered")
      #expect(try await answers("back") == [])
      first.stop()
      try await group.waitForAll()
    }
  }

  private func encoder() throws -> Encoder {
    try Encoder(directory: Checkout.model, modelID: "m")
  }

  private func generate(
    _ name: String, _ encoder: Encoder, llm: String? = nil, drain: Duration = .seconds(18)
  ) throws -> Member {
    let context = try StageContext(
      name: name, settings: Self.settings(test, llm.map { ["--llm-url": $0] } ?? [:]))
    return Member(
      context: context, services: try GenerateStage.services(context, encoder: encoder, redis: nil),
      drain: drain)
  }

  private func sendPrompt(
    _ flight: QueryInFlight, _ vector: [Float], round: UInt32, _ documents: [DocumentInfo]
  ) async throws {
    var prompt = PromptRecord(flight: flight)
    prompt.round = round
    prompt.model = "m"
    prompt.vector = vector
    let text = "The service uses port 8080."
    prompt.context = documents.map {
      ContextItem(
        document: $0, firstChunk: 0, lastChunk: 0, headingPath: [], text: text, start: 0,
        end: UInt64(text.utf8.count), score: 0.9)
    }
    try await before.producer.send(
      OutgoingRecord(
        topic: before.topic(.prompts), partition: Self.partition, key: flight.key.bytes,
        value: prompt.wireBytes))
  }

  /// Publishes the state of a newer version, and waits until every stage must know it.
  private func publish(_ document: DocumentInfo, _ state: DocumentState) async throws {
    let status = StatusRecord(document.key, Version(epoch: 1, offset: 9), .put, state)
    try await before.producer.send(
      OutgoingRecord(
        topic: before.topic(.documentStatus), key: document.key.bytes, value: status.json.bytes))
    try await Task.sleep(for: settings.freshness.staleAfter + .milliseconds(500))
  }

  private func waitUntilSearchedAgain(_ id: String) async throws {
    for _ in 0..<200 {
      let searches = try await records(.searches).compactMap { record in
        try record.value.map { try SearchRecord(wireBytes: $0) }
      }
      if searches.contains(where: { $0.flight.query.id.rawValue == id && $0.round == 1 }) { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("\(id) was not searched again within 20 s")
  }
}
