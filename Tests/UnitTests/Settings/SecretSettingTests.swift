import Foundation
import Testing

@testable import RedisClient
@testable import Settings

// Goal: settings load no code and show no secret. Method: for each property, source and spelling, check the value
// that is read and the text that is shown.

@Suite struct SecretSettingTests {
  private func table(_ environment: [String: String]) throws -> SettingsTable {
    try SettingsTable(environment: environment)
  }

  private func file(_ text: String) throws -> String {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("secret-\(UUID().uuidString)")
      .path
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private func fault(_ environment: [String: String]) -> SettingsError? {
    do {
      _ = try Settings(table(environment))
      return nil
    } catch { return error as? SettingsError }
  }

  @Test(
    "a value that could contain a secret is hidden",
    arguments: [
      (
        "KAFKA_PROPERTIES", "kafka.properties", "client.rack=a,sasl.username=u",
        "client.rack=a,sasl.username=u"
      ),
      ("KAFKA_PROPERTIES", "kafka.properties", "sasl.username=u,sasl.password=hunter2", "(hidden)"),
      // A comma in the password: the rest looks like a property.
      ("KAFKA_PROPERTIES", "kafka.properties", "sasl.password=hunter,2=3", "(hidden)"),
      ("KAFKA_PROPERTIES", "kafka.properties", "ssl.key.pem=-----BEGIN", "(hidden)"),
      ("KAFKA_PROPERTIES", "kafka.properties", "client.rack=a, sasl.password =hunter2", "(hidden)"),
      (
        "KAFKA_PROPERTIES", "kafka.properties", "sasl.oauthbearer.token.endpoint.url=https://u:hunter2@idp/t",
        "(hidden)"
      ),
      ("KAFKA_PROPERTIES", "kafka.properties", "sasl.oauthbearer.config=x", "(hidden)"),
      ("KAFKA_PROPERTIES", "kafka.properties", "hunter2", "(hidden)"),
      ("LLM_API_KEY", "llm.apiKey", "k", "(hidden)"),
      ("REDIS_ADDRESS", "redis.address", "redis://:p@h:1", "redis://(hidden)@h:1"),
      ("REDIS_ADDRESS", "redis.address", "rediss://h:1", "rediss://h:1"),
      ("REDIS_ADDRESS", "redis.address", "rediss://:p@h:1", "rediss://(hidden)@h:1"),
      ("REDIS_ADDRESS", "redis.address", "redis://:p@q/r@h:1/2", "redis://(hidden)@h:1/2"),
      ("REDIS_ADDRESS", "redis.address", "unix:///run/r.sock?db=1", "unix:///run/r.sock?db=1"),
      ("LLM_URL", "llm.url", "https://u:p@h/v1", "https://(hidden)@h/v1"),
      ("LLM_URL", "llm.url", "https://h/v1?key=k", "https://h/v1?(hidden)"),
      ("REDIS_ADDRESS", "redis.address", ":hunter2@h:1", "(hidden)"),
      ("REDIS_ADDRESS", "redis.address", "redis://h:1?password=hunter2", "(hidden)"),
      ("REDIS_ADDRESS", "redis.address", "unix://:p@/r.sock", "unix://(hidden)@/r.sock"),
      // `up` sets such an address itself. An `@` in the path of a home folder is not a secret.
      ("REDIS_ADDRESS", "redis.address", "unix:///home/a@corp/r.sock", "unix:///home/a@corp/r.sock"),
      ("LLM_URL", "llm.url", "https://h/v1", "https://h/v1"),
      ("LLM_URL", "llm.url", "http://[::1]:80/v1", "http://[::1]:80/v1"),
      ("LLM_URL", "llm.url", "https://h/v1/@x/y", "(hidden)"),
      ("LLM_URL", "llm.url", "https://AbC/dEf@host/v1", "(hidden)"),
      ("LLM_URL", "llm.url", "https://u:123/ss@host/v1", "(hidden)"),
      ("REDIS_ADDRESS", "redis.address", "redis://:hunter2:6379", "(hidden)"),
      ("REDIS_ADDRESS", "redis.address", "redis://:hunter2/h:6379", "(hidden)"),
      ("REDIS_ADDRESS", "redis.address", "localhost:6379", "(hidden)"),
      ("LLM_URL", "llm.url", "u:hunter2@h/v1", "(hidden)"),
      ("LLM_URL", "llm.url", "https://u:p/hunter2@h/v1", "(hidden)"),
    ])
  func shown(_ variable: String, _ key: String, _ value: String, _ shown: String) throws {
    let table = try table([variable: value])
    #expect(table.shown(key) == shown && table.isSecret(key) == (value != shown))
    // As an option, the same value would be visible on a command line. An invalid value is refused with its own rule.
    let isWellFormed =
      key == "llm.apiKey" || value.contains("://") && value.contains("@") || value.contains("sasl.")
      || value.contains("ssl.")
    guard value != shown, isWellFormed else { return }
    #expect { try Settings(SettingsTable(flags: [SettingsTable.flagName(key): value])) } throws: { error in
      guard let error = error as? SettingsError else { return false }
      return error.key == key && error.value == shown && error.rule.contains(variable)
    }
  }

  @Test(
    "for a mistyped address, the error states the rule and does not call the address a secret",
    arguments: [
      ("--redis-address", "localhost:6379", "redis://"),
      ("--llm-url", "localhost:8080/v1", "http://host:port/v1"),
      ("--llm-url", "HTTP://localhost:8080/v1", "http://host:port/v1"),
      ("--llm-url", "http://localhost/v1?a=b", "without a query"),
      ("--kafka-properties", "hunter2", "name=value pairs"),
    ])
  func mistyped(_ option: String, _ value: String, _ rule: String) {
    #expect { try Settings(SettingsTable(flags: [option: value])) } throws: { error in
      guard let error = error as? SettingsError else { return false }
      return error.rule.contains(rule) && error.value.contains("(hidden)")
    }
  }

  @Test("a value in the wrong place is not printed")
  func misplaced() throws {
    let path = try file("llm:\n  apikey: hunter2\n")
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect { try SettingsTable(file: path) } throws: {
      "\($0)".contains("llm.apikey") && !"\($0)".contains("hunter2")
    }
    #expect { try Settings(table(["LLM_API_KEY_FILE": "hunter2"])).llm.apiKey.read() } throws: {
      "\($0)".contains("llm.apiKeyFile") && !"\($0)".contains("hunter2")
    }
    let query = try #require(fault(["LLM_URL": "https://h/v1?key=hunter2"]))
    #expect(query.rule.contains("without a query") && !"\(query)".contains("hunter2"))
  }

  @Test("no error shows the rest of a password with a comma")
  func tail() throws {
    for text in [
      "sasl.password=hunter,2x=3", "sasl.password=hunter,2x", "sasl.password=a,sasl.password=hunter",
    ] {
      let error = try #require(fault(["KAFKA_PROPERTIES": text]))
      #expect(!"\(error)".contains("2x") && !"\(error)".contains("hunter"), "\(error)")
    }
  }

  @Test("special characters in shell values are refused", arguments: ["a$(id)", "a;b", "a b", "`x`", "a\"b"])
  func kinit(_ value: String) throws {
    let error = try #require(fault(["KAFKA_PROPERTIES": "sasl.kerberos.principal=\(value)"]))
    #expect(error.rule.contains("sasl.kerberos.principal") && error.rule.contains("shell"))
    #expect(fault(["KAFKA_PROPERTIES": "sasl.kerberos.principal=kafka/h-1.x@REALM"]) == nil)
  }

  @Test("a properties file may have comments and values with commas; no property may be set twice")
  func propertiesFile() throws {
    let path = try file("# ours\n\nsasl.username = u\r\nsasl.password=a,b=c #d\n  client.rack=r\n")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let settings = try Settings(table(["KAFKA_PROPERTIES_FILE": path, "KAFKA_PROPERTIES": "debug=broker"]))
    #expect(
      settings.kafka.properties
        == ["sasl.username": "u", "sasl.password": "a,b=c #d", "client.rack": "r", "debug": "broker"])
    #expect(!"\(settings.table.entries.map { settings.table.shown($0.key) })".contains("a,b=c"))
    let twice = try #require(fault(["KAFKA_PROPERTIES_FILE": path, "KAFKA_PROPERTIES": "client.rack=x"]))
    #expect(twice.rule.contains("'client.rack' twice"))
    try "no property\n".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try #require(fault(["KAFKA_PROPERTIES_FILE": path])).rule.contains("name=value lines"))
    #expect(
      try #require(fault(["KAFKA_PROPERTIES_FILE": "/nonexistent"])).rule.contains(
        "is no file that can be read"))
  }

  @Test("a secret file has one short line; a value or file from a source with precedence overrides the other")
  func secretFile() throws {
    let path = try file("key-1\n")
    defer { try? FileManager.default.removeItem(atPath: path) }
    func key(_ environment: [String: String], _ flags: [String: String] = [:]) throws -> String {
      try Settings(SettingsTable(environment: environment, flags: flags)).llm.apiKey.read()
    }
    #expect(try key(["LLM_API_KEY_FILE": path]) == "key-1")
    #expect(try key(["LLM_API_KEY": "key-2"]) == "key-2")
    #expect(try key(["LLM_API_KEY": "key-2"], ["--llm-api-key-file": path]) == "key-1")
    #expect(throws: SettingsError.self) { try key(["LLM_API_KEY": "key-2", "LLM_API_KEY_FILE": path]) }
    // `up --redis none` means no Redis, whatever file the environment names.
    let none = try Settings(
      SettingsTable(environment: ["REDIS_ADDRESS_FILE": path], flags: ["--redis-address": ""]))
    #expect(none.redis.address.isEmpty)
    for bad in ["", "\n", "a\nb\n", "a\u{7}", String(repeating: "k", count: 65_537)] {
      try bad.write(toFile: path, atomically: true, encoding: .utf8)
      #expect { try key(["LLM_API_KEY_FILE": path]) } throws: { error in
        (error as? SettingsError)?.key == "llm.apiKeyFile" && !"\(error)".contains("kkk")
      }
    }
    #expect(throws: SettingsError.self, "a line break in a header") { try key(["LLM_API_KEY": "a\r\nb"]) }
  }

  @Test("Redis addresses are parsed, and invalid ones are refused")
  func addresses() throws {
    #expect(RedisAddress("redis://:p@h:1/2")?.endpoint == .tcp(host: "h", port: 1))
    let named = try #require(RedisAddress("redis://us%40er:p%3Aa%25b%2F@h:1"))
    #expect(named.user == "us@er" && named.password == "p:a%b/" && !named.description.contains("p:"))
    #expect(RedisAddress("redis://:50%@h:1") == nil, "not an escape")
    for text in ["redis://user@h:1", "redis://user:@h:1"] {
      #expect(RedisAddress(text) == nil, "no password")
    }
    #expect(RedisAddress("redis://[::1]:6379")?.endpoint == .tcp(host: "::1", port: 6379))
    let socket = try #require(RedisAddress("unix:///run/a@b.sock?db=3"))
    #expect(
      socket.endpoint == .unixSocket("/run/a@b.sock") && socket.database == 3 && socket.password.isEmpty)
    let secret = try #require(RedisAddress("unix://:p@/run/r.sock"))
    #expect(secret.endpoint == .unixSocket("/run/r.sock") && secret.password == "p")
    #expect(secret.description == "unix:///run/r.sock")
    #expect(RedisAddress("unix:///a?db=/r.sock")?.endpoint == .unixSocket("/a?db=/r.sock"))
    for bad in [
      "unix://", "unix:///", "unix://run/r.sock", "redis://h", "redis://h:1/x", "redis://:hunter2:6379",
      "redis://:hunter2/h:6379", "http://h:1", "",
    ] {
      #expect(RedisAddress(bad) == nil, "\(bad)")
    }
  }
}
