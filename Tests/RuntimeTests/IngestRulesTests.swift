import Foundation
import KafkaClient
import Parsing
import Records
import Settings
import Stage
import TestSupport
import Testing
import Tokenizer

@testable import Ingest

// Goal: the settings that make ingest stricter (`ingest.aclRequired`, `ingest.strict`) apply to records of the topic.
// Method: an ingest stage reads documents, and the test reads the chunks or the marks that it writes.

@Suite(.serialized, .timeLimit(.minutes(20))) struct IngestRulesTests {
  /// The errors of the documents that an ingest stage with these settings fails, by document ID.
  private func errors(_ flags: [String: String], _ values: [String: String]) async throws -> [String:
    RecordError]
  {
    let test = try TestBroker()
    let settings = try Settings(
      SettingsTable(
        flags: ["--kafka-bootstrap-servers": test.kafka.bootstrapServers].merging(flags) { $1 }))
    let context = try StageContext(name: "ingest", settings: settings)
    let admin = KafkaAdmin(test.kafka)
    _ = try await TopicSetup(settings: settings, admin: admin).create()
    for (id, value) in values {
      let key = DocumentKey(tenant: .standard, id: try #require(DocumentID(id)))
      let partition = Partitioner.partition(
        ofKey: key.bytes, partitionCount: settings.partitionCount(.documents))
      try await context.producer.send(
        OutgoingRecord(
          topic: context.topic(.documents), partition: partition, key: key.bytes,
          value: Array(value.replacing("ID", with: id).utf8)))
    }
    let programs = ParserPrograms(
      besides: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(), confinement: .required)
    let stage = try #require(
      IngestStage.services(
        context, tokenizer: try WordPieceTokenizer(path: Checkout.model + "/vocab.txt"), programs: programs
      ).first { $0 is StageService })
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await stage.run() }
      var states: [String: RecordError?] = [:]
      let (reader, chunks) = (ReplayReader(test.kafka), ReplayReader(test.kafka))
      for (reader, topic) in [(reader, TopicName.vectors), (chunks, .chunks)] {
        try await reader.assign(
          (0..<Int32(settings.partitionCount(topic))).reduce(into: [:]) {
            $0[TopicPartition(context.topic(topic), $1)] = .beginning
          })
      }
      let limit = ContinuousClock.now + .seconds(60)
      while states.count < values.count, .now < limit {
        for record in try await reader.next(maxRecords: 100, maxWait: .milliseconds(100)) {
          guard let value = record.value, let batch = try? VectorBatch(wireBytes: value),
            case .mark(_, _, let error) = batch.content
          else { continue }
          states[batch.header.document.key.id.rawValue] = .some(error)
        }
        for record in try await chunks.next(maxRecords: 100, maxWait: .milliseconds(100)) {
          guard let value = record.value, let batch = try? ChunkBatch(wireBytes: value) else { continue }
          states[batch.header.document.key.id.rawValue] = .some(nil)
        }
      }
      await reader.close()
      await chunks.close()
      await stage.shutdown()
      try await group.waitForAll()
      await admin.close()
      #expect(states.count == values.count, "\(states.keys)")
      return states.compactMapValues { $0 }
    }
  }

  private let documents = [
    "open": #"{"id":"ID","text":"one"}"#, "null": #"{"id":"ID","text":"two","acl":null}"#,
    "named": #"{"id":"ID","text":"three","acl":["a"]}"#,
    "misspelt": #"{"id":"ID","text":"four","ACL":["a"]}"#, "closed": #"{"id":"ID","text":"five","acl":[]}"#,
  ]

  @Test("without the settings all documents are accepted")
  func lenient() async throws { #expect(try await errors([:], documents).isEmpty) }

  @Test("with ingest.aclRequired a document must say who may read it")
  func required() async throws {
    let errors = try await errors(["--ingest-acl-required": "true"], documents)
    #expect(errors.keys.sorted() == ["misspelt", "null", "open"])
    #expect(errors["open"]?.code == "missing_field" && errors["open"]?.field == "acl", "\(errors)")
  }

  @Test("with ingest.strict a null or misspelt field fails its document, and the error names the field")
  func strict() async throws {
    let errors = try await errors(["--ingest-strict": "true"], documents)
    #expect(errors.keys.sorted() == ["misspelt", "null"])
    #expect(errors["misspelt"]?.field == "ACL" && errors["null"]?.field == "acl", "\(errors)")
  }
}
