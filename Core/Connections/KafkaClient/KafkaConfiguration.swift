import Records
import Time

/// The settings of all Kafka clients of a process.
package struct KafkaConfiguration: Sendable {
  package var bootstrapServers: String
  package var clientID: String
  /// Further properties, passed to librdkafka unchanged: for example `security.protocol`, `sasl.*` and
  /// `ssl.*`.
  package var extra: [String: String]
  package var sessionTimeout: Duration
  /// A member whose batch or drain takes longer loses its partitions. Their records are then redelivered,
  /// so nothing is lost.
  package var pollIntervalMax: Duration
  /// A record that is not acknowledged for so long fails, and is the sender's again. Nil: records wait for a broker
  /// without a limit, and the caller's deadline decides.
  package var deliveryTimeout: Duration?
  /// True for a reader that nobody waits for: it gets new records in batches, up to half a second late, and wakes
  /// seldom.
  package var readsPatiently = false
  /// The largest record that the producer accepts.
  package var recordBytesMax: Int

  package init(
    bootstrapServers: String, clientID: String = "millrace", extra: [String: String] = [:],
    sessionTimeout: Duration = .seconds(10), pollIntervalMax: Duration = .seconds(300),
    deliveryTimeout: Duration? = nil, recordBytesMax: Int = 10 << 20
  ) {
    self.bootstrapServers = bootstrapServers
    self.clientID = clientID
    self.extra = extra
    self.sessionTimeout = sessionTimeout
    self.pollIntervalMax = pollIntervalMax
    self.deliveryTimeout = deliveryTimeout
    self.recordBytesMax = recordBytesMax
  }

  var common: [String: String] {
    var map = [
      "bootstrap.servers": bootstrapServers, "client.id": clientID, "socket.nagle.disable": "true",
      "socket.keepalive.enable": "true", "reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "1000",
      "broker.address.family": "v4", "log_level": "2", "topic.metadata.refresh.interval.ms": "60000",
      "allow.auto.create.topics": "false", "message.max.bytes": "\(recordBytesMax)",
    ]
    for (name, value) in extra { map[name] = value }
    return map
  }

  func consumer(group: String) -> [String: String] {
    var map = common
    map["group.id"] = group
    map["enable.auto.commit"] = "false"
    map["enable.auto.offset.store"] = "false"
    map["auto.offset.reset"] = "earliest"
    map["partition.assignment.strategy"] = "range,roundrobin"
    map["session.timeout.ms"] = "\(sessionTimeout.milliseconds)"
    map["heartbeat.interval.ms"] = "\(max(500, sessionTimeout.milliseconds / 5))"
    map["max.poll.interval.ms"] = "\(max(pollIntervalMax.milliseconds, sessionTimeout.milliseconds))"
    map["fetch.error.backoff.ms"] = "50"
    map["fetch.max.bytes"] = "\(max(50 << 20, recordBytesMax))"
    map["queued.max.messages.kbytes"] = "65536"
    if readsPatiently {
      map["fetch.min.bytes"] = "1000000"
      map["fetch.wait.max.ms"] = "500"
    }
    // The end of a partition is found by its offsets: the last offset of a compacted topic may hold no
    // record.
    map["enable.partition.eof"] = "false"
    return map
  }

  var producer: [String: String] {
    var map = common
    map["enable.idempotence"] = "true"
    map["acks"] = "all"
    map["linger.ms"] = "0"
    map["partitioner"] = "murmur2_random"
    map["message.timeout.ms"] = "\(deliveryTimeout?.milliseconds ?? 0)"
    // Below the time-out, so that a missing topic is reported as such.
    if deliveryTimeout != nil { map["topic.metadata.propagation.max.ms"] = "5000" }
    map["queue.buffering.max.messages"] = "100000"
    map["sticky.partitioning.linger.ms"] = "0"
    map["retry.backoff.ms"] = "50"
    return map
  }
}
