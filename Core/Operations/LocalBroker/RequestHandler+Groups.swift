import Foundation

extension RequestHandler {
  func findCoordinator(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter)
    throws
  {
    _ = try reader.string()
    let type = version >= 1 ? try reader.int8() : 0
    let error: ErrorCode = type == 0 ? .none : .transactionalIDAuthorizationFailed
    if version >= 1 { writer.int32(0) }
    writer.error(error)
    if version >= 1 { writer.string(error == .none ? nil : "transactions are not supported") }
    writer.int32(1)
    writer.string(host)
    writer.int32(port)
  }

  func joinGroup(
    _ reader: inout ProtocolReader, _ version: Int16, _ clientID: String, _ clientHost: String,
    _ writer: inout ProtocolWriter
  ) throws {
    let group = try reader.string()
    let session = try reader.int32()
    let rebalance = version >= 1 ? try reader.int32() : session
    let memberID = try reader.string()
    let type = try reader.string()
    let protocols = try reader.array { (reader) throws(ProtocolError) in
      (name: try reader.string(), metadata: try reader.data())
    }
    var result = JoinResult(error: .none, memberID: memberID)
    if group.isEmpty {
      result.error = .invalidGroupID
    } else if !(10...3_600_000).contains(session) {
      result.error = .invalidSessionTimeout
    } else {
      result = coordinator.join(
        JoinRequest(
          group: group, memberID: memberID, clientID: clientID, clientHost: clientHost,
          sessionTimeout: Double(session) / 1000,
          rebalanceTimeout: Double(min(max(rebalance, 1000), 3_600_000)) / 1000, protocolType: type,
          protocols: protocols, mustKnowID: version >= 4))
    }
    if version >= 2 { writer.int32(0) }
    writer.error(result.error)
    writer.int32(result.generation)
    writer.string(result.protocolName)
    writer.string(result.leader)
    writer.string(result.memberID)
    writer.array(result.members) { writer, member in
      writer.string(member.id)
      writer.data(member.metadata)
    }
  }

  func syncGroup(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter) throws {
    let group = try reader.string()
    let generation = try reader.int32()
    let memberID = try reader.string()
    let assignments = try reader.array { (reader) throws(ProtocolError) in
      (try reader.string(), try reader.data())
    }
    let (error, assignment) = coordinator.sync(
      group: group, generation: generation, memberID: memberID,
      assignments: Dictionary(assignments, uniquingKeysWith: { $1 }))
    if version >= 1 { writer.int32(0) }
    writer.error(error)
    writer.data(assignment)
  }

  func heartbeat(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter) throws {
    let error = coordinator.heartbeat(
      group: try reader.string(), generation: try reader.int32(), memberID: try reader.string())
    if version >= 1 { writer.int32(0) }
    writer.error(error)
  }

  func leaveGroup(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter) throws {
    let group = try reader.string()
    if version < 3 {
      let error = coordinator.leave(group: group, memberID: try reader.string())
      if version >= 1 { writer.int32(0) }
      writer.error(error)
      return
    }
    let members = try reader.array { (reader) throws(ProtocolError) in
      (try reader.string(), try reader.nullableString())
    }
    writer.int32(0)
    writer.error(.none)
    writer.array(members) { writer, member in
      writer.string(member.0)
      writer.string(member.1)
      writer.error(coordinator.leave(group: group, memberID: member.0))
    }
  }

  func offsetCommit(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter) throws {
    let group = try reader.string()
    let generation = try reader.int32()
    let memberID = try reader.string()
    if version <= 4 { _ = try reader.int64() }
    let topics = try reader.array { (reader) throws(ProtocolError) in
      let name = try reader.string()
      let offsets = try reader.array { (reader) throws(ProtocolError) in
        let number = try reader.int32()
        let next = try reader.int64()
        let epoch = version >= 6 ? try reader.int32() : -1
        return StoredOffset(
          topic: name, partition: number, nextOffset: next, leaderEpoch: epoch,
          metadata: try reader.nullableString() ?? "")
      }
      return (name, offsets)
    }
    var refusal = coordinator.mayCommit(group: group, generation: generation, memberID: memberID)
    func problem(_ offset: StoredOffset) -> ErrorCode {
      if refusal != .none { return refusal }
      if offset.metadata.utf8.count > Self.metadataBytesMax { return .offsetMetadataTooLarge }
      return store.partition(offset.topic, offset.partition) == nil ? .unknownTopicOrPartition : .none
    }
    let accepted = topics.flatMap(\.1).filter { problem($0) == .none }
    if !accepted.isEmpty {
      do {
        try store.commit(group: group, accepted)
      } catch {
        logger.error("Offset commit failed", [(.group, group), (.error, "\(error)")])
        refusal = .storageError
      }
    }
    if version >= 3 { writer.int32(0) }
    writer.array(topics) { writer, topic in
      writer.string(topic.0)
      writer.array(topic.1) { writer, offset in
        writer.int32(offset.partition)
        writer.error(problem(offset))
      }
    }
  }

  func offsetFetch(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter) throws {
    let group = try reader.string()
    let wanted = try reader.nullableArray { (reader) throws(ProtocolError) in
      (try reader.string(), try reader.array { (reader) throws(ProtocolError) in try reader.int32() })
    }
    let stored = try store.committedOffsets(group: group)
    let byPartition = Dictionary(stored.map { ("\($0.topic)/\($0.partition)", $0) }, uniquingKeysWith: { $1 })
    let topics =
      wanted
      ?? Dictionary(grouping: stored, by: \.topic).map { ($0.key, $0.value.map(\.partition)) }.sorted {
        $0.0 < $1.0
      }
    if version >= 3 { writer.int32(0) }
    writer.array(topics) { writer, topic in
      writer.string(topic.0)
      writer.array(topic.1) { writer, number in
        let offset = byPartition["\(topic.0)/\(number)"]
        writer.int32(number)
        writer.int64(offset?.nextOffset ?? -1)
        if version >= 5 { writer.int32(offset?.leaderEpoch ?? -1) }
        writer.string(offset?.metadata ?? "")
        writer.error(.none)
      }
    }
    if version >= 2 { writer.error(.none) }
  }
}
