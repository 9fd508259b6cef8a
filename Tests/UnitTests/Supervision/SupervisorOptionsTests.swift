import CommandLine
import Settings
import Testing

@testable import Supervision

// Goal: the options of `up` become settings of its child processes, and no child gets a secret that it does not need.

@Suite struct SupervisorOptionsTests {
  private let up = Command(
    "up", abstract: "",
    options: [
      .option("--kafka", "A", ""), .option("--kafka-home", "A", ""), .option("--redis", "A", ""),
      .option("--llm", "A", ""), .option("--shards", "A", ""), .option("--settings", "A", ""),
      .option("--broker-port", "A", ""), .option("--ingest-epoch", "A", ""),
    ]
  ) { _ in .success }

  private func options(_ words: String...) throws -> SupervisorOptions {
    guard case .run(_, let arguments) = try up.parse(words) else { throw UsageError("no action") }
    return try SupervisorOptions(arguments)
  }

  @Test("options of up become settings, and settings are passed on")
  func flags() throws {
    let options = try options(
      "--redis", "none", "--llm", "extractive", "--shards", "3", "--ingest-epoch", "2", "--kafka", "host:1")
    #expect(options.kafka == "host:1" && options.namesRedis && options.namesLLM)
    #expect(
      options.flags == [
        "--redis-address": "", "--llm-url": "", "--search-shards": "3", "--ingest-epoch": "2",
        "--kafka-session-timeout": "6s",
      ])
    let settings = try options.settings(environment: [:])
    #expect(settings.search.shards == 3 && settings.llm.url == nil && settings.redis.address.isEmpty)
  }

  @Test("without options of up, no service is named")
  func plain() throws {
    let options = try options("--broker-port", "9100")
    #expect(options.kafka == nil && options.kafkaHome == nil && !options.namesRedis && !options.namesLLM)
    #expect(options.brokerPort == 9100)
    #expect(throws: UsageError.self) { try self.options("--shards", "0") }
  }

  @Test("a wrong setting and an unreadable secret are refused before anything is started")
  func refused() throws {
    #expect(throws: SettingsError.self) {
      try options("--ingest-epoch", "x").settings(environment: [:])
    }
    #expect(throws: SettingsError.self) {
      try options().settings(environment: ["LLM_API_KEY_FILE": "/nowhere/key"])
    }
  }

  @Test("a child gets the settings that differ from the defaults, and only its own secrets")
  func childEnvironment() throws {
    let environment = [
      "LLM_API_KEY": "token", "LLM_URL": "http://user:word@host/v1", "REDIS_ADDRESS": "redis://:word@host:1",
      "PATH": "/bin", "INGEST_EPOCH": "4",
    ]
    let table = try SettingsTable(environment: environment)
    let search = ChildEnvironment.make(environment, table, needed: ["redis.address"])
    #expect(search["LLM_API_KEY"] == nil && search["REDIS_ADDRESS"] == "redis://:word@host:1")
    #expect(search["LLM_URL"]?.contains("word") != true, "the address must not have the login")
    #expect(search["PATH"] == "/bin" && search["INGEST_EPOCH"] == "4" && search["INGEST_CHUNK_TOKENS"] == nil)
    let generate = ChildEnvironment.make(environment, table, needed: ["llm.apiKey", "llm.url"])
    #expect(generate["LLM_API_KEY"] == "token" && generate["REDIS_ADDRESS"] == nil)
    #expect(ChildEnvironment.withoutSecrets(environment).keys.sorted() == ["INGEST_EPOCH", "PATH"])
  }
}
