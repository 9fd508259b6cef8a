import Foundation
import KafkaClient
import Records
import Synchronization
import TestSupport
import Testing

// Goal: a record that kills its worker gets the state failed after the fourth crash, while its neighbours are
// processed; kills at random moments fail no record. Method: an ingest worker is restarted whenever it dies, with a
// preloaded C library that crashes or takes all memory when the worker produces the chunks of a certain record; then a
// worker without the library is killed at random moments.

@Suite(
  .serialized, .timeLimit(.minutes(10)),
  .disabled(if: Pipeline.isOnKafka, "these tests use a broker of their own"))
struct PoisonTests {
  private let test: TestBroker
  private let folder: String

  init() throws {
    test = try TestBroker()
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("poison-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    #expect(try run("topics", "create").code == 0)
  }

  private var flags: [String] {
    ["--kafka-bootstrap-servers", test.kafka.bootstrapServers, "--kafka-session-timeout", "6s"]
  }

  private func run(_ words: String...) throws -> (code: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Pipeline.binary)
    process.arguments = words + flags
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  /// Compiles the library that kills its process at a certain record, and returns its path.
  private func library() throws -> String {
    let path = folder + "/deadly.so"
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = [
      "cc", "-shared", "-fPIC", "-O1", "-o", path, Checkout.path + "/Tests/Scripts/deadly_record.c", "-ldl",
    ]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0)
    return path
  }

  private func worker(_ environment: [String: String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Pipeline.binary)
    process.arguments = ["worker", "ingest"] + flags
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
  }

  private func put(_ texts: [(id: String, text: String)]) async throws {
    let producer = try KafkaProducer(test.kafka)
    try await producer.send(
      texts.map { id, text in
        let key = Array("default/\(id)".utf8)
        return OutgoingRecord(
          topic: "rag.documents", partition: Partitioner.partition(ofKey: key, partitionCount: 12), key: key,
          value: Array(#"{"id":"\#(id)","text":"\#(text)"}"#.utf8))
      })
    await producer.close(deadline: .seconds(5))
  }

  /// The keys of a topic's records, and their values as text.
  private func records(_ topic: String) async throws -> [(key: String, value: String)] {
    try await withReader(test.kafka) { reader in
      try await reader.assign(
        Dictionary(uniqueKeysWithValues: (0..<12).map { (TopicPartition(topic, Int32($0)), .beginning) }))
      let all = Mutex<[(key: String, value: String)]>([])
      try await reader.readToEnd(limit: .seconds(30)) { records in
        all.withLock { all in
          for record in records {
            all.append(
              (
                String(decoding: record.key ?? [], as: UTF8.self),
                String(decoding: record.value ?? [], as: UTF8.self)
              ))
          }
        }
      }
      return all.withLock { $0 }
    }
  }

  private func lag() async throws -> Int64 {
    try await withAdmin(test.kafka) { admin in
      try await admin.lag(group: "rag-ingest", (0..<12).map { TopicPartition("rag.documents", Int32($0)) })
        .values
        .reduce(0, +)
    }
  }

  @Test(
    "one deadly record in a batch of 32: failed after four crashes, and its neighbours are chunked",
    arguments: ["crash", "memory"])
  func guilty(way: String) async throws {
    let environment = ["LD_PRELOAD": try library(), "DEADLY_WAY": way]
    // All on one partition, so that one batch holds them.
    let ids = (0..<2000).map { "doc-\($0)" }.filter {
      Partitioner.partition(ofKey: Array("default/\($0)".utf8), partitionCount: 12) == 5
    }.prefix(32)
    let guilty = ids[ids.startIndex + 17]
    try await put(ids.map { ($0, $0 == guilty ? "MARKER-THAT-KILLS" : "the text of \($0)") })
    var deaths = 0
    var process = try worker(environment)
    let end = ContinuousClock.now + .seconds(180)
    while try await lag() > 0 {
      try #require(ContinuousClock.now < end, "not finished after \(deaths) deaths")
      if !process.isRunning {
        #expect(process.terminationReason == .uncaughtSignal)
        deaths += 1
        process = try worker(environment)
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    process.terminate()
    process.waitUntilExit()
    #expect(deaths == 4)
    #expect(process.terminationStatus == 0)
    let chunked = Set(try await records("rag.chunks").map(\.key))
    #expect(chunked == Set(ids.filter { $0 != guilty }.map { "default/\($0)" }))
    let marks = try await records("rag.vectors").map(\.key)
    #expect(marks.count == 1 && marks[0].hasPrefix("default/\(guilty)@") && marks[0].contains("~failed"))
    let letters = try await records("rag.deadletters")
    #expect(letters.map(\.key) == ["default/\(guilty)"] && letters[0].value.contains("MARKER-THAT-KILLS"))
  }

  @Test("kills of the worker at random moments make no dead letter and lose no document")
  func innocent() async throws {
    let ids = (0..<120).map { "doc-\($0)" }
    var process = try worker([:])
    var random = SystemRandomNumberGenerator()
    for round in 0..<6 {
      try await put(ids[round * 20..<round * 20 + 20].map { ($0, "the text of \($0)") })
      try await Task.sleep(for: .milliseconds(Int.random(in: 300...2500, using: &random)))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      process = try worker([:])
    }
    let end = ContinuousClock.now + .seconds(120)
    while try await lag() > 0 {
      try #require(ContinuousClock.now < end)
      try await Task.sleep(for: .milliseconds(100))
    }
    process.terminate()
    process.waitUntilExit()
    #expect(try await records("rag.deadletters").isEmpty)
    #expect(Set(try await records("rag.chunks").map(\.key)).count == ids.count)
  }
}
