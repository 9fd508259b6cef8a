import Foundation
import Telemetry

/// Answers one request of Kafka's protocol.
struct RequestHandler: Sendable {
  /// The limit for the partitions of all topics together: each partition costs memory.
  private static let partitionsMax = 20_000
  static let metadataBytesMax = 4096
  static let fetchWaitMax: Int32 = 60_000
  /// Milliseconds between two checks for a reader whose `min_bytes` is greater than 1.
  static let patientPause = 50
  /// Less than `ProtocolWriter.bytesMax`, with room for one batch that is larger than the requested size.
  static let fetchBytesMax = 64 << 20

  let store: Store
  let coordinator: GroupCoordinator
  let host: String
  let port: Int32
  let logger: Logger

  /// - Returns: the whole response without its length; nil when none is due (acks = 0).
  /// - Throws: `ProtocolError` when the frame is not a valid request or the response is too long;
  ///   `StorageError` when the store fails. The connection is then closed.
  func respond(to frame: [UInt8], from clientHost: String) throws -> [UInt8]? {
    var reader = ProtocolReader(frame)
    let number = try reader.int16()
    let version = try reader.int16()
    let correlation = try reader.int32()
    let clientID = try reader.nullableString() ?? ""
    var writer = ProtocolWriter()
    writer.int32(correlation)
    guard let key = APIKey(rawValue: number) else {
      throw ProtocolError(rule: "API \(number) is not supported")
    }
    guard key.versions.contains(version) else {
      guard key == .apiVersions else {
        throw ProtocolError(rule: "version \(version) of API \(key) is not supported")
      }
      apiVersions(version: 0, error: .unsupportedVersion, &writer)
      return writer.bytes
    }
    switch key {
    case .produce:
      guard try produce(&reader, version, &writer) else { return nil }
    case .fetch: try fetch(&reader, version, &writer)
    case .listOffsets: try listOffsets(&reader, version, &writer)
    case .metadata: try metadata(&reader, version, &writer)
    case .offsetCommit: try offsetCommit(&reader, version, &writer)
    case .offsetFetch: try offsetFetch(&reader, version, &writer)
    case .findCoordinator: try findCoordinator(&reader, version, &writer)
    case .joinGroup: try joinGroup(&reader, version, clientID, clientHost, &writer)
    case .heartbeat: try heartbeat(&reader, version, &writer)
    case .leaveGroup: try leaveGroup(&reader, version, &writer)
    case .syncGroup: try syncGroup(&reader, version, &writer)
    case .describeGroups: try describeGroups(&reader, version, &writer)
    case .listGroups: try listGroups(version, &writer)
    case .describeConfigs: try describeConfigs(&reader, version, &writer)
    case .alterConfigs: try alterConfigs(&reader, &writer)
    case .deleteGroups: try deleteGroups(&reader, &writer)
    case .createTopics: try createTopics(&reader, version, &writer)
    case .deleteTopics: try deleteTopics(&reader, version, &writer)
    case .initProducerID: try initProducerID(&reader, &writer)
    case .apiVersions: apiVersions(version: version, error: .none, &writer)
    }
    guard !writer.hasOverflowed else {
      throw ProtocolError(rule: "the answer to API \(key) is longer than \(ProtocolWriter.bytesMax) bytes")
    }
    return writer.bytes
  }

  private func apiVersions(version: Int16, error: ErrorCode, _ writer: inout ProtocolWriter) {
    writer.error(error)
    if version >= 3 {
      writer.unsignedVarint(APIKey.allCases.count + 1)
      for api in APIKey.allCases {
        writer.int16(api.rawValue)
        writer.int16(api.versions.lowerBound)
        writer.int16(api.versions.upperBound)
        writer.unsignedVarint(0)
      }
      writer.int32(0)
      writer.unsignedVarint(0)
      return
    }
    writer.array(APIKey.allCases) { writer, api in
      writer.int16(api.rawValue)
      writer.int16(api.versions.lowerBound)
      writer.int16(api.versions.upperBound)
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
      let total = store.topics().reduce(0) { $0 + Int($1.partitionCount) }
      if fault == nil, total + Int(count) > Self.partitionsMax {
        fault = (.invalidPartitions, "all topics together may have \(Self.partitionsMax) partitions")
      }
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
