struct WireQuery: WireMessage {
  var id = "", tenant = "", text = "", cache = "", after = "", mode = "", replyTopic = "", outcome = ""
  var requestID = "", streamToken = ""
  var principals: [String] = []
  var history: [WireTurn] = []
  var filter: [WireFilterEntry] = []
  var topK: UInt32 = 0
  var deadlineAt: Int64 = 0
  var askedAt: Int64 = 0
  var stream = false
  var replyPartition: Int32 = 0
  var timings: [WireTiming] = []
  var sentAt: Int64 = 0
  /// A filter as JSON, if it has operators, which `filter` can't express; otherwise empty.
  var filterJSON = ""
  var searchMode = ""
  var warnings: [String] = []
  /// Appended to the mode when `filterJSON` is set. So a worker of a release that doesn't know `filterJSON` refuses the
  /// query, instead of finding documents that the filter excludes.
  private static let filterMark = "+filter"

  init() {}

  init(_ flight: QueryInFlight) {
    let query = flight.query
    id = query.id.rawValue
    tenant = query.tenant.rawValue
    principals = query.principals
    text = query.text
    history = query.history.map(WireTurn.init)
    if let equalities = query.filter.equalities {
      filter = equalities.sorted { $0.key < $1.key }.map { WireFilterEntry(name: $0.key, values: $0.value) }
    } else {
      filterJSON = query.filter.json.text
    }
    topK = UInt32(clamping: query.topK ?? 0)
    deadlineAt = flight.deadlineAtMilliseconds
    askedAt = flight.askedAtMilliseconds
    stream = query.stream
    streamToken = query.streamToken ?? ""
    cache = query.cache.rawValue
    after = query.after?.description ?? ""
    mode = query.mode.rawValue + (filterJSON.isEmpty ? "" : Self.filterMark)
    replyTopic = query.replyTo?.topic ?? ""
    replyPartition = query.replyTo?.partition ?? 0
    outcome = flight.outcome?.rawValue ?? ""
    timings = flight.timings.map(WireTiming.init)
    sentAt = flight.sentAtMicroseconds
    requestID = flight.requestID
    searchMode = query.searchMode?.rawValue ?? ""
    warnings = query.warnings
  }

  func flight() throws(WireError) -> QueryInFlight {
    let mode =
      filterJSON.isEmpty || !mode.hasSuffix(Self.filterMark)
      ? mode : String(mode.dropLast(Self.filterMark.count))
    guard let queryID = QueryID(id), let tenantID = TenantID(tenant),
      let mode = QueryRecord.Mode(rawValue: mode.isEmpty ? "answer" : mode),
      let cache = QueryRecord.CachePolicy(rawValue: cache.isEmpty ? "default" : cache)
    else { throw WireError(position: 0, rule: "a query without a usable id, tenant, mode or cache") }
    try WireBounds.check("deadline_at_ms", time: deadlineAt)
    try WireBounds.check("sent_at_us", time: sentAt)
    try WireBounds.check("asked_at_ms", time: askedAt)
    var query = QueryRecord(id: queryID, tenant: tenantID, text: text, mode: mode)
    query.principals = principals
    query.history = history.compactMap { turn in
      QueryRecord.Turn.Role(rawValue: turn.role).map { QueryRecord.Turn(role: $0, text: turn.text) }
    }
    if filterJSON.isEmpty {
      query.filter = MetadataFilter(
        equalities: Dictionary(filter.map { ($0.name, $0.values.compactMap(\.value)) }) { $1 })
    } else {
      do { query.filter = try MetadataFilter(written: JSONReader.read(Array(filterJSON.utf8))) } catch {
        throw WireError(position: 0, rule: "a filter that can't be read: \(error)")
      }
    }
    query.topK = topK == 0 ? nil : min(Int(topK), Int(QueryRecord.topKMax))
    query.searchMode = QueryRecord.SearchMode(rawValue: searchMode)
    query.warnings = warnings
    query.stream = stream
    query.streamToken = streamToken.isEmpty ? nil : streamToken
    query.cache = cache
    query.after = VectorsToken(after)
    query.replyTo = replyTopic.isEmpty ? nil : .init(topic: replyTopic, partition: replyPartition)
    var flight = QueryInFlight(query: query)
    flight.deadlineAtMilliseconds = deadlineAt
    // A former release did not write this time. Then take the earliest possible one: the query's deadline minus the
    // longest deadline that a query may have.
    flight.askedAtMilliseconds =
      askedAt > 0 ? askedAt : max(0, deadlineAt - QueryRecord.deadlineMaxMilliseconds)
    flight.outcome = QueryInFlight.Outcome(rawValue: outcome)
    flight.timings = timings.map(\.timing)
    flight.sentAtMicroseconds = sentAt
    flight.requestID = requestID
    return flight
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, id)
    writer.string(2, tenant)
    writer.strings(3, principals)
    writer.string(4, text)
    writer.messages(5, history)
    writer.messages(6, filter)
    writer.uint(7, topK)
    writer.int(8, deadlineAt)
    writer.bool(9, stream)
    writer.string(10, cache)
    writer.string(11, after)
    writer.string(12, mode)
    writer.string(13, replyTopic)
    writer.int(14, replyPartition)
    writer.string(15, outcome)
    writer.messages(16, timings)
    writer.int(17, sentAt)
    writer.string(18, requestID)
    writer.int(19, askedAt)
    writer.string(20, streamToken)
    writer.string(21, filterJSON)
    writer.string(22, searchMode)
    writer.strings(23, warnings)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: id = try reader.string()
    case 2: tenant = try reader.string()
    case 3: principals.append(try reader.string())
    case 4: text = try reader.string()
    case 5: history.append(try reader.message(WireTurn.self))
    case 6: filter.append(try reader.message(WireFilterEntry.self))
    case 7: topK = try reader.uint32()
    case 8: deadlineAt = try reader.int64()
    case 9: stream = try reader.bool()
    case 10: cache = try reader.string()
    case 11: after = try reader.string()
    case 12: mode = try reader.string()
    case 13: replyTopic = try reader.string()
    case 14: replyPartition = try reader.int32()
    case 15: outcome = try reader.string()
    case 16: timings.append(try reader.message(WireTiming.self))
    case 17: sentAt = try reader.int64()
    case 18: requestID = try reader.string()
    case 19: askedAt = try reader.int64()
    case 20: streamToken = try reader.string()
    case 21: filterJSON = try reader.string()
    case 22: searchMode = try reader.string()
    case 23: warnings.append(try reader.string())
    default: return false
    }
    return true
  }
}
