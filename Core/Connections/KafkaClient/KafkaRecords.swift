import Records

/// A record as it was read.
package struct ConsumerRecord: Sendable {
  package var position: RecordPosition
  /// Milliseconds since 1970 by the broker's clock (all our topics use LogAppendTime).
  package var timestampMilliseconds: Int64
  package var key: [UInt8]?
  /// Nil is a tombstone, which is data.
  package var value: [UInt8]?
  package var headers: [RecordHeader]

  package init(
    position: RecordPosition, timestampMilliseconds: Int64, key: [UInt8]?, value: [UInt8]?,
    headers: [RecordHeader] = []
  ) {
    self.position = position
    self.timestampMilliseconds = timestampMilliseconds
    self.key = key
    self.value = value
    self.headers = headers
  }

  package var topicPartition: TopicPartition { TopicPartition(position.topic, position.partition) }
  package var nextOffset: Int64 { position.offset + 1 }

  /// The last header of that name as text.
  package func header(_ name: String) -> String? {
    headers.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
  }
}

/// A record to be produced.
package struct OutgoingRecord: Sendable {
  package var topic: String
  /// Nil = librdkafka's `murmur2_random` over the key.
  package var partition: Int32?
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [RecordHeader]
  /// Sent once by the way: `send` neither waits for it nor fails with it.
  package var isCopy: Bool

  package init(
    topic: String, partition: Int32? = nil, key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader] = [],
    isCopy: Bool = false
  ) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
    self.headers = headers
    self.isCopy = isCopy
  }

  /// At most what a batch with this record alone takes.
  var bytesInBatch: Int {
    // A batch's header, a record's fixed fields, and lengths of at most five bytes.
    var count = 61 + 32 + (key?.count ?? 0) + (value?.count ?? 0)
    for header in headers { count += header.name.utf8.count + header.value.count + 10 }
    return count
  }
}

/// How to reach the brokers.
package struct KafkaConfiguration: Sendable {
  package var bootstrapServers: String
  package var clientID: String
  /// Passed to librdkafka as they are: `security.protocol`, `sasl.*`, `ssl.*` and whatever else is needed.
  package var extra: [String: String]
  package var sessionTimeout: Duration
  /// A batch or drain that takes longer loses its partitions; effects repeat then, and nothing is lost.
  package var pollIntervalMax: Duration
  /// The largest record that the producer takes.
  package var recordBytesMax: Int

  package init(
    bootstrapServers: String, clientID: String = "millrace", extra: [String: String] = [:],
    sessionTimeout: Duration = .seconds(10), pollIntervalMax: Duration = .seconds(300),
    recordBytesMax: Int = 10 << 20
  ) {
    self.bootstrapServers = bootstrapServers
    self.clientID = clientID
    self.extra = extra
    self.sessionTimeout = sessionTimeout
    self.pollIntervalMax = pollIntervalMax
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
    // One commit per batch is ours to make; the newest offset of a compacted topic may hold no record.
    map["enable.partition.eof"] = "false"
    return map
  }

  var producer: [String: String] {
    var map = common
    map["enable.idempotence"] = "true"
    map["acks"] = "all"
    map["linger.ms"] = "0"
    map["partitioner"] = "murmur2_random"
    // Accepted work waits for a broker as long as it takes: the caller's deadline decides, not the queue's.
    map["message.timeout.ms"] = "0"
    map["queue.buffering.max.messages"] = "100000"
    map["sticky.partitioning.linger.ms"] = "0"
    map["retry.backoff.ms"] = "50"
    return map
  }
}

extension Duration {
  /// Whole milliseconds.
  package var milliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
