import Foundation

/// The properties of librdkafka that `kafka.properties` and `kafka.propertiesFile` may set.
///
/// This is a list of allowed properties because librdkafka also has properties that load a library
/// (`plugin.library.paths`, `ssl.engine.location`, `ssl.providers`), run a command
/// (`sasl.kerberos.kinit.cmd`) or take a pointer (`*_cb`, `opaque`), and a later release may add more.
/// Millrace itself sets the properties on which delivery depends (for example `acks`, `enable.auto.commit`
/// and `group.id`).
///
/// - SeeAlso: librdkafka's CONFIGURATION.md, release 2.0.2.
enum KafkaClientProperties {
  /// Allowed, and may be shown: connections, identity, sizes and logs.
  private static let harmless: Set<String> = [
    // Security
    "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username",
    "sasl.kerberos.service.name", "sasl.kerberos.principal", "sasl.kerberos.keytab",
    "sasl.kerberos.min.time.before.relogin",
    "enable.sasl.oauthbearer.unsecure.jwt", "sasl.oauthbearer.method", "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.scope", "sasl.oauthbearer.token.endpoint.url",
    "ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location", "ssl.certificate.pem", "ssl.key.location",
    "ssl.keystore.location", "ssl.crl.location", "ssl.cipher.suites", "ssl.curves.list", "ssl.sigalgs.list",
    "ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification",
    // Connections
    "broker.address.family", "broker.address.ttl", "broker.version.fallback", "api.version.request",
    "api.version.request.timeout.ms", "api.version.fallback.ms", "connections.max.idle.ms",
    "reconnect.backoff.ms", "reconnect.backoff.max.ms", "socket.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable", "socket.max.fails", "socket.nagle.disable", "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes", "client.rack", "metadata.max.age.ms", "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.fast.interval.ms", "topic.metadata.refresh.sparse",
    "topic.metadata.propagation.max.ms",
    // Sizes and compression
    "compression.type", "compression.codec", "compression.level", "message.max.bytes",
    "message.copy.max.bytes",
    "receive.message.max.bytes", "fetch.wait.max.ms", "fetch.min.bytes", "fetch.message.max.bytes",
    "max.partition.fetch.bytes", "queued.min.messages", "queue.buffering.max.kbytes", "batch.num.messages",
    "batch.size", "check.crcs",
    // Logs
    "debug", "log_level", "log.connection.close",
  ]

  /// Allowed, but never shown.
  private static let secret: Set<String> = [
    "sasl.password", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
  ]

  /// librdkafka puts these values into the command line of `kinit`, which a shell runs.
  private static let shellWords: Set<String> = ["sasl.kerberos.principal", "sasl.kerberos.keytab"]

  /// Reads one `name=value`; nil when the name or the equals sign is missing. White space around the name
  /// and before the value is dropped.
  static func property(_ text: Substring) -> (name: String, value: String)? {
    guard let equals = text.firstIndex(of: "=") else { return nil }
    let name = text[..<equals].trimmingCharacters(in: .whitespacesAndNewlines)
    return name.isEmpty ? nil : (name, String(text[text.index(after: equals)...].drop(while: \.isWhitespace)))
  }

  /// Whether a list of `name=value`, separated by commas, can be shown: no part is a secret, and no part
  /// could be the rest of a secret that contains a comma.
  static func areHarmless(_ text: String) -> Bool {
    text.split(separator: ",").allSatisfy { part in
      property(part).map { harmless.contains($0.name) && !holdsUser($0.value) } ?? false
    }
  }

  /// Whether a list of `name=value`, separated by commas, holds a secret.
  static func holdSecret(_ text: String) -> Bool {
    text.split(separator: ",").contains { part in
      property(part).map { secret.contains($0.name) || holdsUser($0.value) } ?? false
    }
  }

  /// Whether the value is a URL with user information or a query. Both may hold a password.
  private static func holdsUser(_ value: String) -> Bool {
    value.contains("://") && (value.contains("@") || value.contains("?"))
  }

  /// Adds one property to `properties`.
  ///
  /// - Parameters:
  ///   - key: the setting that the error names.
  ///   - hidden: the text that the error shows as the setting's value.
  /// - Throws: `SettingsError` when the property is not allowed, is given twice, or has a value that is
  ///   unsafe in a shell.
  static func add(
    _ name: String, _ value: String, to properties: inout [String: String], key: String, hidden: String
  ) throws(SettingsError) {
    guard harmless.contains(name) || secret.contains(name) else {
      // The name may be the rest of a secret that contains a comma. So after a secret, the error shows only names
      // that are refused for their own sake.
      let isSaid = isRefused(name) || secret.isDisjoint(with: properties.keys)
      throw SettingsError(
        key: key, value: hidden,
        rule: isSaid
          ? "must not set '\(name)': \(reason(name))"
          : "holds a name that is not a property (put a value with a comma into kafka.propertiesFile)")
    }
    guard properties.updateValue(value, forKey: name) == nil else {
      throw SettingsError(key: key, value: hidden, rule: "must not set '\(name)' twice")
    }
    guard !shellWords.contains(name) || value.utf8.allSatisfy(isPlain) else {
      throw SettingsError(
        key: key, value: hidden,
        rule: "must give '\(name)' a value of letters, digits and . _ - / @ only, because a shell reads it")
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: Array("._-/@".utf8).contains(byte)
    }
  }

  /// Whether the property is refused because it runs other code, or because Millrace sets it itself.
  private static func isRefused(_ name: String) -> Bool { loadsCode(name) || ours.contains(name) }

  private static func loadsCode(_ name: String) -> Bool {
    name.hasSuffix("_cb") || name.hasSuffix(".cmd")
      || [
        "plugin.library.paths", "ssl.engine.location", "ssl.engine.id", "ssl.providers", "opaque",
        "interceptors",
      ]
      .contains(name)
  }

  /// Properties that Millrace sets itself.
  private static let ours: Set<String> = [
    "bootstrap.servers", "metadata.broker.list", "client.id", "group.id", "group.instance.id",
    "session.timeout.ms",
    "heartbeat.interval.ms", "max.poll.interval.ms", "enable.auto.commit", "enable.auto.offset.store",
    "auto.offset.reset", "partition.assignment.strategy", "isolation.level", "enable.partition.eof", "acks",
    "request.required.acks", "enable.idempotence", "transactional.id", "partitioner", "linger.ms", "retries",
    "message.timeout.ms", "delivery.timeout.ms", "max.in.flight", "max.in.flight.requests.per.connection",
    "allow.auto.create.topics", "queue.buffering.max.messages", "queue.buffering.max.ms",
  ]

  private static func reason(_ name: String) -> String {
    if loadsCode(name) { return "it loads or runs other code" }
    if ours.contains(name) { return "Millrace sets it itself (see kafka.* in the README's settings)" }
    return "it is not on the list of librdkafka's properties that can be set"
  }
}
