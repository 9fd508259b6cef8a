/// A record of `rag.queries`.
package struct QueryRecord: Sendable, Equatable {
  /// Generate an answer, or return only the retrieved chunks.
  package enum Mode: String, Sendable, CaseIterable { case answer, retrieve }
  /// What is searched: vectors and words, or one of them.
  package enum SearchMode: String, Sendable, CaseIterable { case hybrid, dense, lexical }
  /// Use the answer cache, ignore it, or only write to it.
  package enum CachePolicy: String, Sendable, CaseIterable { case `default`, bypass, refresh }

  /// One earlier turn of the conversation.
  package struct Turn: Sendable, Equatable {
    /// The speaker of a turn.
    package enum Role: String, Sendable, CaseIterable { case user, assistant }
    package var role: Role
    package var text: String

    package init(role: Role, text: String) {
      self.role = role
      self.text = text
    }
  }

  /// The topic and partition for a copy of the answer, in addition to `rag.answers`.
  package struct ReplyTo: Sendable, Equatable {
    package var topic: String
    package var partition: Int32

    package init(topic: String, partition: Int32) {
      self.topic = topic
      self.partition = partition
    }
  }

  package static let deadlineDefaultMilliseconds: Int64 = 60_000
  package static let deadlineMaxMilliseconds: Int64 = 600_000
  package static let textBytesMax = 32_768
  /// 22 random characters from an alphabet of 64 have 132 bits of entropy.
  private static let streamTokenCharacters = 22...128
  package static let topKMax: Int64 = 100
  /// The limit for the whole value: the records that the stages make from it must fit the later topics.
  package static let bytesMax = 262_144

  package var id: QueryID
  package var tenant: TenantID
  package var principals: [String]
  package var text: String
  package var history: [Turn]
  /// Which documents may be found, among those that the principals may read.
  package var filter: MetadataFilter
  /// Nil = the setting `retrieve.topK`.
  package var topK: Int?
  package var deadlineMilliseconds: Int64
  package var stream: Bool
  /// The secret under which the streamed sentences are encrypted; nil: nothing is streamed.
  package var streamToken: String?
  package var cache: CachePolicy
  /// The token of a status event: `partition:next_offset` of `rag.vectors`. The search waits a limited time
  /// until the index has reached this offset.
  package var after: VectorsToken?
  package var mode: Mode
  /// Nil = the setting `search.mode`.
  package var searchMode: SearchMode?
  package var replyTo: ReplyTo?
  /// Warnings for the sender: names that look like misspelt fields and are ignored.
  package var warnings: [String] = []

  private static let fields = KnownFields([
    "id", "tenant", "principals", "text", "history", "filter", "top_k", "deadline_ms", "stream",
    "stream_token",
    "cache", "after", "mode", "search_mode", "reply_to",
  ])
  private static let warningsMax = 10
  private static let unknownMax = 100

  package init(id: QueryID, tenant: TenantID = .standard, text: String, mode: Mode = .answer) {
    self.id = id
    self.tenant = tenant
    self.text = text
    self.mode = mode
    principals = []
    history = []
    filter = .everything
    deadlineMilliseconds = Self.deadlineDefaultMilliseconds
    stream = false
    cache = .default
  }

  package var key: QueryKey { QueryKey(tenant: tenant, id: id) }

  /// The tenant and id of a query whose other fields may be wrong; nil when tenant or id can't be read.
  package static func identity(of value: [UInt8]) -> QueryKey? {
    guard let fields = try? FieldReader.read(value), let text = fields.object["id"]?.stringValue,
      let id = QueryID(text), let tenant = try? fields.tenant()
    else { return nil }
    return QueryKey(tenant: tenant, id: id)
  }

  /// Reads and checks a value.
  ///
  /// - Throws: `FieldError` for the first field that breaks its rule.
  package init(value: [UInt8]) throws(FieldError) {
    guard value.count <= Self.bytesMax else {
      throw FieldError(
        .tooLong, field: "value", value: "\(value.count) bytes",
        rule: "must be at most \(Self.bytesMax) bytes")
    }
    let fields = try FieldReader.read(value)
    guard let idText = try fields.string("id", bytesMax: .max) else {
      throw FieldError(.missingField, field: "id", value: "", rule: "must be present: \(QueryID.rule)")
    }
    guard let id = QueryID(idText) else {
      throw FieldError(.badID, field: "id", value: idText, rule: QueryID.rule)
    }
    self.id = id
    tenant = try fields.tenant()
    guard let text = try fields.string("text", bytesMax: Self.textBytesMax) else {
      throw FieldError(.missingField, field: "text", value: "", rule: "must be present")
    }
    guard !text.allSatisfy(\.isWhitespace) else {
      throw FieldError(.emptyText, field: "text", value: text, rule: "must hold more than white space")
    }
    self.text = text
    principals = try fields.strings("principals", countMax: 1000) ?? []
    topK = try fields.integer("top_k", in: 1...Self.topKMax).map(Int.init)
    deadlineMilliseconds =
      try fields.integer("deadline_ms", in: 1...Self.deadlineMaxMilliseconds)
      ?? Self.deadlineDefaultMilliseconds
    stream = try fields.bool("stream") ?? false
    streamToken = try Self.streamToken(fields)
    cache = try fields.choice("cache", CachePolicy.self) ?? .default
    mode = try fields.choice("mode", Mode.self) ?? .answer
    searchMode = try fields.choice("search_mode", SearchMode.self)
    after = try Self.after(fields)
    replyTo = try Self.replyTo(fields)
    history = try Self.history(fields)
    filter =
      try fields.present("filter").map { value throws(FieldError) in try MetadataFilter(json: value) }
      ?? .everything
    warnings = Self.warnings(fields.object)
  }

  /// Warns about misspelt names, because a misspelt `filter` or `principals` would be ignored without notice.
  private static func warnings(_ object: JSONValue) -> [String] {
    // A record may have many unknown members, and each costs as much as some known ones.
    let doubts = (object.members ?? []).prefix(unknownMax).lazy.compactMap { member in
      fields.meant(by: member.name).map { "'\(member.name)' is not a field: write '\($0)'" }
    }
    return Array(doubts.prefix(warningsMax))
  }

  private static func streamToken(_ fields: FieldReader) throws(FieldError) -> String? {
    guard let text = try fields.string("stream_token") else { return nil }
    guard streamTokenCharacters.contains(text.utf8.count),
      text.utf8.allSatisfy({ byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      })
    else {
      throw FieldError(
        .badValue, field: "stream_token", value: "\(text.utf8.count) characters",
        rule: "must be 22 to 128 of A-Z, a-z, 0-9, - and _, taken at random")
    }
    return text
  }

  private static func after(_ fields: FieldReader) throws(FieldError) -> VectorsToken? {
    guard let text = try fields.string("after") else { return nil }
    guard let token = VectorsToken(text) else {
      throw FieldError(.badValue, field: "after", value: text, rule: "must be a status event's token")
    }
    return token
  }

  private static func replyTo(_ fields: FieldReader) throws(FieldError) -> ReplyTo? {
    guard let value = fields.present("reply_to") else { return nil }
    guard value.members != nil else { throw fields.wrongType("reply_to", value, "an object") }
    let inner = FieldReader(object: value, prefix: "reply_to.")
    guard let topic = try inner.string("topic", bytesMax: 249), !topic.isEmpty else {
      throw FieldError(.missingField, field: "reply_to.topic", value: "", rule: "must be a topic's name")
    }
    guard let partition = try inner.integer("partition", in: 0...Int64(Int32.max)) else {
      throw FieldError(.missingField, field: "reply_to.partition", value: "", rule: "must be present")
    }
    return ReplyTo(topic: topic, partition: Int32(partition))
  }

  private static func history(_ fields: FieldReader) throws(FieldError) -> [Turn] {
    guard let value = fields.present("history") else { return [] }
    guard let items = value.arrayValue else { throw fields.wrongType("history", value, "an array") }
    guard items.count <= 100 else {
      throw FieldError(
        .tooLong, field: "history", value: "\(items.count) items", rule: "must have at most 100 items")
    }
    var turns: [Turn] = []
    for (index, item) in items.enumerated() {
      guard item.members != nil else { throw fields.wrongType("history[\(index)]", item, "an object") }
      let inner = FieldReader(object: item, prefix: "history[\(index)].")
      guard let role = try inner.choice("role", Turn.Role.self) else {
        throw FieldError(.missingField, field: inner.prefix + "role", value: "", rule: "must be present")
      }
      guard let text = try inner.string("text", bytesMax: textBytesMax) else {
        throw FieldError(.missingField, field: inner.prefix + "text", value: "", rule: "must be present")
      }
      turns.append(Turn(role: role, text: text))
    }
    return turns
  }

  /// The value as JSON, as `millrace ask` produces it.
  package var json: JSONValue {
    .object([
      "id": .string(id.rawValue), "tenant": .string(tenant.rawValue), "text": .string(text),
      "principals": principals.isEmpty ? nil : .array(principals.map(JSONValue.string)),
      "history": history.isEmpty
        ? nil
        : .array(history.map { .object(["role": .string($0.role.rawValue), "text": .string($0.text)]) }),
      "filter": filter.isEverything ? nil : filter.json,
      "top_k": topK.map(JSONValue.int), "deadline_ms": .int(deadlineMilliseconds),
      "stream": stream ? .bool(true) : nil, "stream_token": streamToken.map(JSONValue.string),
      "cache": cache == .default ? nil : .string(cache.rawValue),
      "after": after.map { .string($0.description) }, "mode": .string(mode.rawValue),
      "search_mode": searchMode.map { .string($0.rawValue) },
      "reply_to": replyTo.map { .object(["topic": .string($0.topic), "partition": .int($0.partition)]) },
    ])
  }
}
