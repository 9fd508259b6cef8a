import Foundation
import Telemetry

/// Answers one request of Kafka's protocol; the numbers are the protocol's API keys.
struct RequestHandler: Sendable {
  /// What is served, and in which versions; everything else is refused by the protocol's own means.
  static let served: [(key: Int16, low: Int16, high: Int16)] = [
    (0, 3, 7), (1, 4, 11), (2, 1, 5), (3, 0, 8), (8, 2, 7), (9, 1, 5), (10, 0, 2), (11, 0, 5), (12, 0, 3),
    (13, 0, 3), (14, 0, 3), (15, 0, 4), (16, 0, 2), (18, 0, 3), (19, 2, 4), (20, 1, 3), (22, 0, 1),
    (32, 0, 3),
    (42, 0, 1),
  ]
  static let metadataBytesMax = 4096
  static let fetchWaitMax: Int32 = 60_000
  /// Less than an answer may hold, with room for one batch that is longer than what was asked for.
  static let fetchBytesMax = 64 << 20

  let store: Store
  let coordinator: GroupCoordinator
  let host: String
  let port: Int32
  let logger: Logger

  /// - Returns: the whole response without its length, nil when none is due (acks = 0).
  /// - Throws: `ProtocolError` when the frame is no valid request, or its answer too long: the connection is closed.
  func respond(to frame: [UInt8], from clientHost: String) throws -> [UInt8]? {
    var reader = ProtocolReader(frame)
    let key = try reader.int16()
    let version = try reader.int16()
    let correlation = try reader.int32()
    let clientID = try reader.nullableString() ?? ""
    var writer = ProtocolWriter()
    writer.int32(correlation)
    guard let api = Self.served.first(where: { $0.key == key }) else {
      throw ProtocolError(rule: "API \(key) is not served")
    }
    guard (api.low...api.high).contains(version) else {
      guard key == 18 else { throw ProtocolError(rule: "version \(version) of API \(key) is not served") }
      apiVersions(version: 0, error: .unsupportedVersion, &writer)
      return writer.bytes
    }
    switch key {
    case 0:
      guard try produce(&reader, version, &writer) else { return nil }
    case 1: try fetch(&reader, version, &writer)
    case 2: try listOffsets(&reader, version, &writer)
    case 3: try metadata(&reader, version, &writer)
    case 8: try offsetCommit(&reader, version, &writer)
    case 9: try offsetFetch(&reader, version, &writer)
    case 10: try findCoordinator(&reader, version, &writer)
    case 11: try joinGroup(&reader, version, clientID, clientHost, &writer)
    case 12: try heartbeat(&reader, version, &writer)
    case 13: try leaveGroup(&reader, version, &writer)
    case 14: try syncGroup(&reader, version, &writer)
    case 15: try describeGroups(&reader, version, &writer)
    case 16: try listGroups(version, &writer)
    case 32: try describeConfigs(&reader, version, &writer)
    case 42: try deleteGroups(&reader, &writer)
    case 19: try createTopics(&reader, version, &writer)
    case 20: try deleteTopics(&reader, version, &writer)
    case 22: try initProducerID(&reader, &writer)
    default: apiVersions(version: version, error: .none, &writer)
    }
    guard !writer.hasOverflowed else {
      throw ProtocolError(rule: "the answer to API \(key) is longer than \(ProtocolWriter.bytesMax) bytes")
    }
    return writer.bytes
  }

  private func apiVersions(version: Int16, error: ErrorCode, _ writer: inout ProtocolWriter) {
    writer.error(error)
    if version >= 3 {
      writer.unsignedVarint(Self.served.count + 1)
      for api in Self.served {
        writer.int16(api.key)
        writer.int16(api.low)
        writer.int16(api.high)
        writer.unsignedVarint(0)
      }
      writer.int32(0)
      writer.unsignedVarint(0)
      return
    }
    writer.array(Self.served) { writer, api in
      writer.int16(api.key)
      writer.int16(api.low)
      writer.int16(api.high)
    }
    if version >= 1 { writer.int32(0) }
  }

  private func metadata(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter)
    throws
  {
    var names = try reader.nullableArray { (reader) throws(ProtocolError) in try reader.string() }
    if version == 0, names?.isEmpty == true { names = nil }
    if version >= 3 { writer.int32(0) }
    writer.array([0]) { writer, _ in
      writer.int32(1)
      writer.string(host)
      writer.int32(port)
      if version >= 1 { writer.string(nil) }
    }
    if version >= 2 { writer.string(store.clusterID) }
    if version >= 1 { writer.int32(1) }
    let topics: [(String, Topic?)] =
      names.map { $0.map { ($0, store.topic($0)) } } ?? store.topics().map { ($0.name, $0) }
    writer.array(topics) { writer, entry in
      writer.error(entry.1 == nil ? .unknownTopicOrPartition : .none)
      writer.string(entry.0)
      if version >= 1 { writer.bool(false) }
      writer.array(Array(0..<(entry.1?.partitionCount ?? 0))) { writer, number in
        writer.error(.none)
        writer.int32(number)
        writer.int32(1)
        if version >= 7 { writer.int32(0) }
        writer.array([Int32(1)]) { $0.int32($1) }
        writer.array([Int32(1)]) { $0.int32($1) }
        if version >= 5 { writer.array([Int32]()) { $0.int32($1) } }
      }
      if version >= 8 { writer.int32(Int32.min) }
    }
    if version >= 8 { writer.int32(Int32.min) }
  }

  private func produce(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter)
    throws -> Bool
  {
    struct Part {
      var topic: String
      var partition: Int32
      var error: ErrorCode = .none
      var base: Int64 = -1
      var timestamp: Int64 = -1
    }
    let transactionalID = try reader.nullableString()
    let acks = try reader.int16()
    _ = try reader.int32()
    let topics = try reader.array { (reader) throws(ProtocolError) in
      let name = try reader.string()
      return (
        name,
        try reader.array { (reader) throws(ProtocolError) in (try reader.int32(), try reader.data()) }
      )
    }
    var parts: [Part] = []
    var batches: [(Store.Partition, RecordBatch)] = []
    var owners: [Int] = []
    for (name, partitions) in topics {
      for (number, bytes) in partitions {
        var part = Part(topic: name, partition: number)
        if transactionalID != nil {
          part.error = .transactionalIDAuthorizationFailed
        } else if ![-1, 0, 1].contains(acks) {
          part.error = .invalidRequiredAcks
        } else if let partition = store.partition(name, number) {
          if bytes.count > partition.topic.recordBytesMax {
            part.error = .messageTooLarge
          } else {
            do throws(BatchFault) {
              batches.append((partition, try RecordBatch(bytes, isCompacted: partition.topic.isCompacted)))
              owners.append(parts.count)
            } catch {
              part.error = error.code
            }
          }
        } else {
          part.error = .unknownTopicOrPartition
        }
        parts.append(part)
      }
    }
    do {
      for (index, result) in try store.append(batches).enumerated() {
        switch result {
        case .appended(let base, let timestamp, _, _):
          parts[owners[index]].base = base
          parts[owners[index]].timestamp = timestamp
        case .duplicate(let base): parts[owners[index]].base = base
        case .refused(let code): parts[owners[index]].error = code
        }
      }
    } catch {
      logger.error("Append failed", [(.error, "\(error)")])
      for owner in owners { parts[owner].error = .storageError }
    }
    guard acks != 0 else { return false }
    var position = 0
    writer.array(topics) { writer, topic in
      writer.string(topic.0)
      writer.array(topic.1) { writer, _ in
        let part = parts[position]
        position += 1
        writer.int32(part.partition)
        writer.error(part.error)
        writer.int64(part.base)
        writer.int64(part.timestamp)
        if version >= 5 { writer.int64(0) }
      }
    }
    writer.int32(0)
    return true
  }

  private func listOffsets(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter)
    throws
  {
    _ = try reader.int32()
    if version >= 2 { _ = try reader.int8() }
    let topics = try reader.array { (reader) throws(ProtocolError) in
      (
        try reader.string(),
        try reader.array { (reader) throws(ProtocolError) in
          let number = try reader.int32()
          if version >= 4 { _ = try reader.int32() }
          return (number, try reader.int64())
        }
      )
    }
    if version >= 2 { writer.int32(0) }
    writer.array(topics) { writer, topic in
      writer.string(topic.0)
      writer.array(topic.1) { writer, wanted in
        writer.int32(wanted.0)
        var error = ErrorCode.none
        var offset: Int64 = -1
        var timestamp: Int64 = -1
        if let partition = store.partition(topic.0, wanted.0) {
          switch wanted.1 {
          case -1: offset = partition.highWatermark
          case -2: offset = partition.logStart
          default:
            do {
              if let found = try store.offset(partition, atOrAfter: wanted.1) { (offset, timestamp) = found }
            } catch let failure {
              logger.error("Offset lookup failed", [(.error, "\(failure)")])
              error = .storageError
            }
          }
        } else {
          error = .unknownTopicOrPartition
        }
        writer.error(error)
        writer.int64(timestamp)
        writer.int64(offset)
        if version >= 4 { writer.int32(offset >= 0 ? 0 : -1) }
      }
    }
  }

  private func initProducerID(_ reader: inout ProtocolReader, _ writer: inout ProtocolWriter) throws {
    let transactionalID = try reader.nullableString()
    writer.int32(0)
    guard transactionalID == nil else {
      writer.error(.transactionalIDAuthorizationFailed)
      writer.int64(-1)
      writer.int16(-1)
      return
    }
    let id = try store.nextProducerID()
    writer.error(.none)
    writer.int64(id)
    writer.int16(0)
  }

  private func createTopics(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter)
    throws
  {
    struct Order {
      var name: String
      var partitionCount: Int32
      var replicationFactor: Int16
      var hasAssignment: Bool
      var settings: [(String, String?)]
    }
    let orders = try reader.array { (reader) throws(ProtocolError) in
      let name = try reader.string()
      let count = try reader.int32()
      let replicas = try reader.int16()
      let assignment = try reader.array { (reader) throws(ProtocolError) in
        _ = try reader.int32()
        return try reader.array { (reader) throws(ProtocolError) in try reader.int32() }
      }
      let settings = try reader.array { (reader) throws(ProtocolError) in
        (try reader.string(), try reader.nullableString())
      }
      return Order(
        name: name, partitionCount: count, replicationFactor: replicas, hasAssignment: !assignment.isEmpty,
        settings: settings)
    }
    _ = try reader.int32()
    let validateOnly = try reader.bool()
    writer.int32(0)
    writer.array(orders) { writer, order in
      var fault: (ErrorCode, String)?
      if let problem = TopicSettings.problem(inName: order.name) { fault = (.invalidTopic, problem) }
      if order.hasAssignment {
        fault = (.invalidReplicaAssignment, "there is one broker: leave assignments out")
      }
      if !(-1...1).contains(order.replicationFactor) || order.replicationFactor == 0 {
        fault = (.invalidReplicationFactor, "there is one broker: the replication factor must be 1")
      }
      let count = order.partitionCount == -1 ? 1 : order.partitionCount
      if !(1...10_000).contains(count) {
        fault = (.invalidPartitions, "the partition count must be 1 to 10000")
      }
      var settings: [String: String] = [:]
      for (name, value) in order.settings {
        guard let value else { continue }
        if let problem = TopicSettings.problem(name, value) {
          fault = (.invalidConfig, "\(name): '\(value)' \(problem)")
        }
        settings[name] = value
      }
      if fault == nil, store.topic(order.name) != nil { fault = (.topicAlreadyExists, "the topic exists") }
      if fault == nil, !validateOnly {
        do {
          if try !store.create(order.name, partitionCount: count, settings: settings) {
            fault = (.topicAlreadyExists, "the topic exists")
          }
        } catch {
          fault = (.storageError, "\(error)")
        }
      }
      writer.string(order.name)
      writer.error(fault?.0 ?? .none)
      writer.string(fault?.1)
    }
  }

  private func deleteTopics(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter)
    throws
  {
    let names = try reader.array { (reader) throws(ProtocolError) in try reader.string() }
    _ = try reader.int32()
    writer.int32(0)
    writer.array(names) { writer, name in
      var error = ErrorCode.none
      do {
        if try !store.delete(name) { error = .unknownTopicOrPartition }
      } catch let failure {
        logger.error("Topic can't be deleted", [(.topic, name), (.error, "\(failure)")])
        error = .storageError
      }
      writer.string(name)
      writer.error(error)
    }
  }
}
