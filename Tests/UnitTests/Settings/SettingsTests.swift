// swift-format-ignore-file: NeverForceUnwrap
import CommandLine
import Foundation
import Records
import Settings
import Stage
import TestSupport
import Testing

@Suite struct SettingsTests {
  @Test("the compiled-in defaults equal charts/millrace/values.yaml")
  func defaults() throws {
    let path = Checkout.path + "/charts/millrace/values.yaml"
    let file = try String(contentsOfFile: path, encoding: .utf8)
    #expect(
      DefaultValues.yaml.trimmingCharacters(in: .whitespacesAndNewlines)
        == file.trimmingCharacters(in: .whitespacesAndNewlines), "run `make generate`")
  }

  @Test("a key has four spellings; flags override the environment, which overrides the file")
  func spellings() throws {
    #expect(SettingsTable.environmentName("kafka.pollIntervalMax") == "KAFKA_POLL_INTERVAL_MAX")
    #expect(SettingsTable.flagName("kafka.clientID") == "--kafka-client-id")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("settings-\(getpid()).yaml").path
    try "retrieve:\n  topK: 7\n  wait: 1s\ningest:\n  chunkTokens: 100\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    let settings = try Settings(
      SettingsTable(
        file: file, environment: ["RETRIEVE_TOP_K": "8", "RETRIEVE_WAIT": "2s"],
        flags: ["--retrieve-top-k": "9"]))
    #expect(settings.retrieve.topK == 9)
    #expect(settings.retrieve.wait == .seconds(2))
    #expect(settings.ingest.chunkTokens == 100)
  }

  @Test(
    "the error for a bad value names key, value and rule",
    arguments: [
      ("--retrieve-top-k", "0", "retrieve.topK"), ("--freshness-stale-after", "1", "freshness.staleAfter"),
      ("--log-level", "loud", "log.level"), ("--ingest-overlap-tokens", "256", "ingest.overlapTokens"),
      ("--kafka-bootstrap-servers", "host", "kafka.bootstrapServers"),
      ("--llm-temperature", "2.1", "llm.temperature"), ("--llm-temperature", "nan", "llm.temperature"),
      ("--llm-tokens-parameter", "tokens", "llm.tokensParameter"), ("--llm-stream", "no", "llm.stream"),
    ])
  func badValues(_ flag: String, _ value: String, _ key: String) {
    #expect { try Settings(SettingsTable(flags: [flag: value])) } throws: { error in
      guard let error = error as? SettingsError else { return false }
      return error.key == key && error.value == value && !error.rule.isEmpty
    }
  }

  @Test("an unknown key in a file is refused")
  func unknownKey() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("bad-\(getpid()).yaml").path
    try "kafka:\n  topicprefix: x\n".write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    #expect(throws: SettingsError.self) { try SettingsTable(file: file) }
  }

  @Test("answers are copied only to topics with an allowed prefix, never to one named like a pipeline's")
  func replyPrefixes() throws {
    let closed = try Settings(SettingsTable()).kafka
    #expect(closed.brokenReplyRule("app.replies")?.contains("allows no topic") == true)
    let open = try Settings(SettingsTable(flags: ["--kafka-reply-prefixes": "app.,rag."])).kafka
    #expect(open.brokenReplyRule("app.replies") == nil)
    for topic in [
      "payments.orders", "__consumer_offsets", "xapp.replies", "", "app.a\u{0}x", "app.é", "app.a b",
    ]
      + TopicName.allCases.map({ "app.\($0.rawValue)" })
    {
      #expect(open.brokenReplyRule(topic) != nil, "\(topic)")
    }
    for value in [",", "a,,b", "a b", "*"] {
      #expect(throws: SettingsError.self) {
        try Settings(SettingsTable(flags: ["--kafka-reply-prefixes": value]))
      }
    }
  }

  @Test("a duration beyond a hundred years is refused, because it is added to a clock's time")
  func longestDuration() throws {
    #expect(
      try Settings(SettingsTable(flags: ["--worker-grace-deadline": "36500d"])).graceDeadline > .seconds(1))
    for value in ["36501d", "106751992d", "999999999d", "-1s", "9999999999999999999s"] {
      #expect(throws: SettingsError.self, "\(value)") {
        try Settings(SettingsTable(flags: ["--worker-grace-deadline": value]))
      }
    }
  }
}
