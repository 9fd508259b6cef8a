/// The requests of administration tools.
extension RequestHandler {
  private enum ResourceType { static let (topic, broker): (Int8, Int8) = (2, 4) }
  private enum Source { static let (topic, staticBroker, standard): (Int8, Int8, Int8) = (1, 4, 5) }

  private struct Entry {
    var name: String
    var value: String
    var source: Int8
    var standard: String?
  }

  func describeConfigs(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter)
    throws
  {
    let resources = try reader.array { (reader) throws(ProtocolError) in
      (
        type: try reader.int8(), name: try reader.string(),
        wanted: try reader.nullableArray { (reader) throws(ProtocolError) in try reader.string() }
      )
    }
    let withSynonyms = version >= 1 ? try reader.bool() : false
    writer.int32(0)
    writer.array(resources) { writer, resource in
      let (error, message, entries) = self.entries(resource.type, resource.name)
      writer.error(error)
      writer.string(message)
      writer.int8(resource.type)
      writer.string(resource.name)
      writer.array(entries.filter { resource.wanted?.contains($0.name) ?? true }) { writer, entry in
        writer.string(entry.name)
        writer.string(entry.value)
        writer.bool(entry.source == Source.staticBroker)
        if version == 0 { writer.bool(entry.source == Source.standard) } else { writer.int8(entry.source) }
        writer.bool(false)
        if version >= 1 {
          var synonyms = [(entry.value, entry.source)]
          if entry.source == Source.topic, let standard = entry.standard {
            synonyms.append((standard, Source.standard))
          }
          writer.array(withSynonyms ? synonyms : []) { writer, synonym in
            let isOwn = synonym.1 != Source.standard
            writer.string(isOwn ? entry.name : TopicSettings.brokerNames[entry.name] ?? entry.name)
            writer.string(synonym.0)
            writer.int8(synonym.1)
          }
        }
        if version >= 3 {
          writer.int8(0)
          writer.string(nil)
        }
      }
    }
  }

  /// Replaces the settings of topics, as AlterConfigs does in Kafka: a setting that is left out returns to its default.
  func alterConfigs(_ reader: inout ProtocolReader, _ writer: inout ProtocolWriter) throws {
    let resources = try reader.array { (reader) throws(ProtocolError) in
      (
        type: try reader.int8(), name: try reader.string(),
        settings: try reader.array { (reader) throws(ProtocolError) in
          (try reader.string(), try reader.nullableString())
        }
      )
    }
    let validateOnly = try reader.bool()
    writer.int32(0)
    writer.array(resources) { writer, resource in
      var fault: (ErrorCode, String)?
      var settings: [String: String] = [:]
      for (name, value) in resource.settings {
        guard let value else { continue }
        if let problem = TopicSettings.problem(name, value) {
          fault = (.invalidConfig, "\(name): '\(value)' \(problem)")
        }
        settings[name] = value
      }
      if resource.type != ResourceType.topic {
        fault = (.invalidRequest, "only topics (resource type 2) have settings that can be changed")
      } else if store.topic(resource.name) == nil {
        fault = (.unknownTopicOrPartition, "topic '\(resource.name)' does not exist")
      }
      if fault == nil, !validateOnly {
        do {
          if try !store.alter(resource.name, settings: settings) {
            fault = (.unknownTopicOrPartition, "topic '\(resource.name)' does not exist")
          }
        } catch {
          fault = (.storageError, "\(error)")
        }
      }
      writer.error(fault?.0 ?? .none)
      writer.string(fault?.1)
      writer.int8(resource.type)
      writer.string(resource.name)
    }
  }

  private func entries(_ type: Int8, _ name: String) -> (ErrorCode, String?, [Entry]) {
    switch type {
    case ResourceType.topic:
      guard let topic = store.topic(name) else {
        return (.unknownTopicOrPartition, "topic '\(name)' does not exist", [])
      }
      let entries = TopicSettings.defaults.map { setting, standard in
        topic.settings[setting].map {
          Entry(name: setting, value: $0, source: Source.topic, standard: standard)
        }
          ?? Entry(name: setting, value: standard, source: Source.standard, standard: standard)
      }
      return (.none, nil, entries.sorted { $0.name < $1.name })
    case ResourceType.broker:
      guard name.isEmpty || name == "1" else {
        return (.invalidRequest, "there is one broker, with id 1", [])
      }
      let entries = [
        ("auto.create.topics.enable", "false"), ("broker.id", "1"), ("default.replication.factor", "1"),
        ("num.partitions", "1"),
      ]
      return (
        .none, nil,
        entries.map { Entry(name: $0.0, value: $0.1, source: Source.staticBroker, standard: nil) }
      )
    default: return (.invalidRequest, "resource type \(type) is not supported: 2 is a topic, 4 a broker", [])
    }
  }

  func listGroups(_ version: Int16, _ writer: inout ProtocolWriter) throws {
    var groups = Dictionary(try store.groups().map { ($0, "consumer") }) { first, _ in first }
    groups.merge(coordinator.living()) { $1 }
    if version >= 1 { writer.int32(0) }
    writer.error(.none)
    writer.array(groups.sorted { $0.key < $1.key }) { writer, group in
      writer.string(group.key)
      writer.string(group.value)
    }
  }

  func describeGroups(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter) throws
  {
    let names = try reader.array { (reader) throws(ProtocolError) in try reader.string() }
    if version >= 3 { _ = try reader.bool() }
    let stored = Set(try store.groups())
    if version >= 1 { writer.int32(0) }
    writer.array(names) { writer, name in
      let known = coordinator.describe(name)
      writer.error(.none)
      writer.string(name)
      // A group's offsets survive its members and a restart of the broker.
      let isStored = stored.contains(name)
      let hasMembers = known.map { !$0.members.isEmpty } ?? false
      writer.string(hasMembers ? known?.state : isStored ? "Empty" : "Dead")
      writer.string(hasMembers ? known?.protocolType : isStored ? "consumer" : "")
      writer.string(hasMembers ? known?.protocolName : "")
      writer.array(known?.members ?? []) { writer, member in
        writer.string(member.id)
        if version >= 4 { writer.string(nil) }
        writer.string(member.clientID)
        writer.string(member.clientHost)
        writer.data(member.metadata)
        writer.data(member.assignment)
      }
      if version >= 3 { writer.int32(Int32.min) }
    }
  }

  func deleteGroups(_ reader: inout ProtocolReader, _ writer: inout ProtocolWriter) throws {
    let names = try reader.array { (reader) throws(ProtocolError) in try reader.string() }
    let stored = Set(try store.groups())
    writer.int32(0)
    var results: [(String, ErrorCode)] = []
    for name in names {
      if !coordinator.forget(name) {
        results.append((name, .nonEmptyGroup))
      } else if stored.contains(name) {
        try store.deleteGroup(name)
        results.append((name, .none))
      } else {
        results.append((name, .groupIDNotFound))
      }
    }
    writer.array(results) { writer, result in
      writer.string(result.0)
      writer.error(result.1)
    }
  }
}
