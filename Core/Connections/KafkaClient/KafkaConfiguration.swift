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
  /// A member that does not poll for this long, for example because of a slow batch, loses its partitions.
  /// Their records are then redelivered, so nothing is lost.
  package var pollIntervalMax: Duration
  /// The time for a record's acknowledgement. After it `send` throws, and the sender decides what to do with the
  /// record. Nil: records wait for a broker without a limit, and the caller's deadline decides.
  package var deliveryTimeout: Duration?
  /// True for a reader that nobody waits for: the broker collects new records for up to half a second, so that the
  /// reader wakes up less often.
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
    // Off, because the end of a partition is found by comparing offsets. The last offset of a compacted topic
    // may hold no record.
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
    // Shorter than the delivery timeout, so that a missing topic is reported as missing, not as a timeout.
    if deliveryTimeout != nil { map["topic.metadata.propagation.max.ms"] = "5000" }
    map["queue.buffering.max.messages"] = "100000"
    map["sticky.partitioning.linger.ms"] = "0"
    map["retry.backoff.ms"] = "50"
    return map
  }
}
