/// A query on its way: the public record with what the stages add.
package struct QueryInFlight: Sendable, Equatable {
  /// Why a query must be passed on without work; retrieve or generate writes the state.
  package enum Outcome: String, Sendable, CaseIterable { case expired, cancelled }

  package var query: QueryRecord
  /// By the broker's clock: the record's timestamp plus `deadline_ms`.
  package var deadlineAtMilliseconds: Int64 = 0
  package var outcome: Outcome?
  package var timings: [StageTiming] = []
  /// Microseconds since 1970 when the stage that wrote this record produced it.
  package var sentAtMicroseconds: Int64 = 0
  package var requestID = ""

  package init(query: QueryRecord) { self.query = query }

  package var key: QueryKey { query.key }
}

struct WireTurn: WireMessage {
  var role = "", text = ""
  init() {}
  init(_ turn: QueryRecord.Turn) {
    role = turn.role.rawValue
    text = turn.text
  }
  func write(to writer: inout WireWriter) {
    writer.string(1, role)
    writer.string(2, text)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: role = try reader.string()
    case 2: text = try reader.string()
    default: return false
    }
    return true
  }
}

struct WireFilterEntry: WireMessage {
  var name = ""
  var values: [WireMetadataEntry] = []
  init() {}
  init(name: String, values: [MetadataValue]) {
    self.name = name
    self.values = values.map { WireMetadataEntry(name: "", value: $0) }
  }
  func write(to writer: inout WireWriter) {
    writer.string(1, name)
    writer.messages(2, values)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: name = try reader.string()
    case 2: values.append(try reader.message(WireMetadataEntry.self))
    default: return false
    }
    return true
  }
}

struct WireTiming: WireMessage {
  var timing = StageTiming(stage: "", waitMilliseconds: 0, workMilliseconds: 0)
  init() {}
  init(_ timing: StageTiming) { self.timing = timing }
  func write(to writer: inout WireWriter) {
    writer.string(1, timing.stage)
    writer.double(2, timing.waitMilliseconds)
    writer.double(3, timing.workMilliseconds)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: timing.stage = try reader.string()
    case 2: timing.waitMilliseconds = try reader.double()
    case 3: timing.workMilliseconds = try reader.double()
    default: return false
    }
    return true
  }
}

struct WireQuery: WireMessage {
  var id = "", tenant = "", text = "", cache = "", after = "", mode = "", replyTopic = "", outcome = ""
  var requestID = ""
  var principals: [String] = []
  var history: [WireTurn] = []
  var filter: [WireFilterEntry] = []
  var topK: UInt32 = 0
  var deadlineAt: Int64 = 0
  var stream = false
  var replyPartition: Int32 = 0
  var timings: [WireTiming] = []
  var sentAt: Int64 = 0

  init() {}

  init(_ flight: QueryInFlight) {
    let query = flight.query
    id = query.id.rawValue
    tenant = query.tenant.rawValue
    principals = query.principals
    text = query.text
    history = query.history.map(WireTurn.init)
    filter = query.filter.sorted { $0.key < $1.key }.map { WireFilterEntry(name: $0.key, values: $0.value) }
    topK = UInt32(clamping: query.topK ?? 0)
    deadlineAt = flight.deadlineAtMilliseconds
    stream = query.stream
    cache = query.cache.rawValue
    after = query.after?.description ?? ""
    mode = query.mode.rawValue
    replyTopic = query.replyTo?.topic ?? ""
    replyPartition = query.replyTo?.partition ?? 0
    outcome = flight.outcome?.rawValue ?? ""
    timings = flight.timings.map(WireTiming.init)
    sentAt = flight.sentAtMicroseconds
    requestID = flight.requestID
  }

  func flight() throws(WireError) -> QueryInFlight {
    guard let queryID = QueryID(id), let tenantID = TenantID(tenant),
      let mode = QueryRecord.Mode(rawValue: mode.isEmpty ? "answer" : mode),
      let cache = QueryRecord.CachePolicy(rawValue: cache.isEmpty ? "default" : cache)
    else { throw WireError(position: 0, rule: "a query without a usable id, tenant, mode or cache") }
    try WireBounds.check("deadline_at_ms", time: deadlineAt)
    try WireBounds.check("sent_at_us", time: sentAt)
    var query = QueryRecord(id: queryID, tenant: tenantID, text: text, mode: mode)
    query.principals = principals
    query.history = history.compactMap { turn in
      QueryRecord.Turn.Role(rawValue: turn.role).map { QueryRecord.Turn(role: $0, text: turn.text) }
    }
    for entry in filter { query.filter[entry.name] = entry.values.compactMap(\.value) }
    query.topK = topK == 0 ? nil : min(Int(topK), Int(QueryRecord.topKMax))
    query.stream = stream
    query.cache = cache
    query.after = VectorsToken(after)
    query.replyTo = replyTopic.isEmpty ? nil : .init(topic: replyTopic, partition: replyPartition)
    var flight = QueryInFlight(query: query)
    flight.deadlineAtMilliseconds = deadlineAt
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
    default: return false
    }
    return true
  }
}

/// What `rag.searches` carries.
package struct SearchRecord: Sendable, Equatable {
  package var flight: QueryInFlight
  /// 0 at first; 1 after a document of the answer changed.
  package var round: UInt32 = 0
  package var model = ""
  /// Empty when the query is passed on without work.
  package var vector: [Float] = []

  package init(flight: QueryInFlight) { self.flight = flight }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    writer.uint(1, PartHeader.formatCurrent)
    writer.message(2, WireQuery(flight))
    writer.uint(3, round)
    writer.string(4, model)
    writer.packed(5, vector)
    return writer.bytes
  }

  /// - Throws: `WireError`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var query = WireQuery()
    var round: UInt32 = 0
    var model = ""
    var vector: [Float] = []
    while let field = try reader.nextField() {
      switch field {
      case 2: query = try reader.message(WireQuery.self)
      case 3: round = try reader.uint32()
      case 4: model = try reader.string()
      case 5: try reader.floats(into: &vector)
      default: try reader.skip()
      }
    }
    self.init(flight: try query.flight())
    self.round = round
    self.model = model
    self.vector = vector
  }
}

/// A chunk that a shard found.
package struct Hit: Sendable, Equatable {
  /// One of the query's terms in this chunk: its position in `CandidatesRecord.terms` and how often.
  package struct Posting: Sendable, Equatable {
    package var term: UInt32
    package var frequency: UInt32
    package init(term: UInt32, frequency: UInt32) {
      self.term = term
      self.frequency = frequency
    }
  }

  package var document: DocumentInfo
  package var digest: [UInt8]
  package var chunk: Chunk
  package var denseScore: Float
  package var postings: [Posting] = []
  package var length: UInt32 = 0

  package init(document: DocumentInfo, digest: [UInt8], chunk: Chunk, denseScore: Float) {
    self.document = document
    self.digest = digest
    self.chunk = chunk
    self.denseScore = denseScore
  }
}

struct WirePosting: WireMessage {
  var posting = Hit.Posting(term: 0, frequency: 0)
  init() {}
  init(_ posting: Hit.Posting) { self.posting = posting }
  func write(to writer: inout WireWriter) {
    writer.uint(1, posting.term)
    writer.uint(2, posting.frequency)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: posting.term = try reader.uint32()
    case 2: posting.frequency = try reader.uint32()
    default: return false
    }
    return true
  }
}

struct WireHit: WireMessage {
  var document = WireDocument()
  var digest: [UInt8] = []
  var chunk = Chunk()
  var denseScore: Float = 0
  var postings: [WirePosting] = []
  var length: UInt32 = 0

  init() {}
  init(_ hit: Hit) {
    document = WireDocument(hit.document)
    digest = hit.digest
    chunk = hit.chunk
    denseScore = hit.denseScore
    postings = hit.postings.map(WirePosting.init)
    length = hit.length
  }

  func hit() throws(WireError) -> Hit {
    var hit = Hit(document: try document.info(), digest: digest, chunk: chunk, denseScore: denseScore)
    hit.postings = postings.map(\.posting)
    hit.length = length
    return hit
  }

  func write(to writer: inout WireWriter) {
    writer.message(1, document)
    writer.data(2, digest)
    writer.message(3, chunk)
    writer.float(4, denseScore)
    writer.messages(5, postings)
    writer.uint(6, length)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: document = try reader.message(WireDocument.self)
    case 2: digest = try reader.data()
    case 3: chunk = try reader.message(Chunk.self)
    case 4: denseScore = try reader.float()
    case 5: postings.append(try reader.message(WirePosting.self))
    case 6: length = try reader.uint32()
    default: return false
    }
    return true
  }
}

/// How often a term occurs in a shard.
package struct TermStatistics: Sendable, Equatable, WireMessage {
  package var term = ""
  package var documentFrequency: UInt64 = 0
  package init() {}
  func write(to writer: inout WireWriter) {
    writer.string(1, term)
    writer.uint(2, documentFrequency)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: term = try reader.string()
    case 2: documentFrequency = try reader.uint64()
    default: return false
    }
    return true
  }
}

/// What `rag.candidates` carries: one shard's best.
package struct CandidatesRecord: Sendable, Equatable {
  package var flight: QueryInFlight
  package var round: UInt32 = 0
  package var shard: UInt32 = 0
  package var shardCount: UInt32 = 1
  /// The partitions of `rag.vectors` that this shard covers, of `partitionTotal`.
  package var partitions: [Int32] = []
  package var partitionTotal: UInt32 = 0
  package var dense: [Hit] = []
  package var lexical: [Hit] = []
  package var terms: [TermStatistics] = []
  package var lexicalChunks: UInt64 = 0
  package var lexicalMeanLength: Double = 0
  package var behind = IndexBehind()
  package var model = ""
  package var vector: [Float] = []

  package init(flight: QueryInFlight) { self.flight = flight }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    writer.uint(1, PartHeader.formatCurrent)
    writer.message(2, WireQuery(flight))
    writer.uint(3, round)
    writer.uint(4, shard)
    writer.uint(5, shardCount)
    writer.packed(6, partitions)
    writer.uint(7, partitionTotal)
    writer.messages(8, dense.map(WireHit.init))
    writer.messages(9, lexical.map(WireHit.init))
    writer.messages(10, terms)
    writer.uint(11, lexicalChunks)
    writer.double(12, lexicalMeanLength)
    writer.int(13, behind.records)
    writer.int(14, behind.milliseconds)
    writer.string(15, model)
    writer.packed(16, vector)
    return writer.bytes
  }

  /// - Throws: `WireError`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var query = WireQuery()
    var result = CandidatesRecord(flight: QueryInFlight(query: .placeholder))
    while let field = try reader.nextField() {
      switch field {
      case 2: query = try reader.message(WireQuery.self)
      case 3: result.round = try reader.uint32()
      case 4: result.shard = try reader.uint32()
      // Absent is 1, so 0 can't be written back.
      case 5: result.shardCount = max(1, try reader.uint32())
      case 6: try reader.int32s(into: &result.partitions)
      case 7: result.partitionTotal = try reader.uint32()
      case 8: result.dense.append(try reader.message(WireHit.self).hit())
      case 9: result.lexical.append(try reader.message(WireHit.self).hit())
      case 10: result.terms.append(try reader.message(TermStatistics.self))
      case 11: result.lexicalChunks = try reader.uint64()
      case 12: result.lexicalMeanLength = try reader.double()
      case 13: result.behind.records = try reader.int64()
      case 14: result.behind.milliseconds = try reader.int64()
      case 15: result.model = try reader.string()
      case 16: try reader.floats(into: &result.vector)
      default: try reader.skip()
      }
    }
    result.flight = try query.flight()
    self = result
  }
}

/// One piece of a prompt's context: a chunk, or adjacent chunks merged.
package struct ContextItem: Sendable, Equatable {
  package var document: DocumentInfo
  package var firstChunk: UInt32
  package var lastChunk: UInt32
  package var headingPath: [String]
  package var text: String
  package var start: UInt64
  package var end: UInt64
  /// The best dense score among its chunks.
  package var score: Float

  package init(
    document: DocumentInfo, firstChunk: UInt32, lastChunk: UInt32, headingPath: [String], text: String,
    start: UInt64, end: UInt64, score: Float
  ) {
    self.document = document
    self.firstChunk = firstChunk
    self.lastChunk = lastChunk
    self.headingPath = headingPath
    self.text = text
    self.start = start
    self.end = end
    self.score = score
  }

  /// How a citation names the chunk or chunks.
  package var chunkID: String {
    let document = "\(document.key)@\(document.version)"
    return firstChunk == lastChunk ? "\(document)#\(firstChunk)" : "\(document)#\(firstChunk)-\(lastChunk)"
  }
}

struct WireContextItem: WireMessage {
  var document = WireDocument()
  var firstChunk: UInt32 = 0
  var lastChunk: UInt32 = 0
  var headingPath: [String] = []
  var text = ""
  var start: UInt64 = 0
  var end: UInt64 = 0
  var score: Float = 0

  init() {}
  init(_ item: ContextItem) {
    document = WireDocument(item.document)
    firstChunk = item.firstChunk
    lastChunk = item.lastChunk
    headingPath = item.headingPath
    text = item.text
    start = item.start
    end = item.end
    score = item.score
  }

  func item() throws(WireError) -> ContextItem {
    try WireBounds.check(start: start, end: end)
    return ContextItem(
      document: try document.info(), firstChunk: firstChunk, lastChunk: lastChunk, headingPath: headingPath,
      text: text, start: start, end: end, score: score)
  }

  func write(to writer: inout WireWriter) {
    writer.message(1, document)
    writer.uint(2, firstChunk)
    writer.uint(3, lastChunk)
    writer.strings(4, headingPath)
    writer.string(5, text)
    writer.uint(6, start)
    writer.uint(7, end)
    writer.float(8, score)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: document = try reader.message(WireDocument.self)
    case 2: firstChunk = try reader.uint32()
    case 3: lastChunk = try reader.uint32()
    case 4: headingPath.append(try reader.string())
    case 5: text = try reader.string()
    case 6: start = try reader.uint64()
    case 7: end = try reader.uint64()
    case 8: score = try reader.float()
    default: return false
    }
    return true
  }
}

/// What `rag.prompts` carries: a query and its assembled context.
package struct PromptRecord: Sendable, Equatable {
  package var flight: QueryInFlight
  package var round: UInt32 = 0
  package var model = ""
  package var vector: [Float] = []
  package var context: [ContextItem] = []
  package var shardsAnswered: UInt32 = 0
  package var shardsTotal: UInt32 = 0
  package var behind = IndexBehind()
  package var staleOmitted: UInt32 = 0

  package init(flight: QueryInFlight) { self.flight = flight }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    writer.uint(1, PartHeader.formatCurrent)
    writer.message(2, WireQuery(flight))
    writer.uint(3, round)
    writer.string(4, model)
    writer.packed(5, vector)
    writer.messages(6, context.map(WireContextItem.init))
    writer.uint(7, shardsAnswered)
    writer.uint(8, shardsTotal)
    writer.int(9, behind.records)
    writer.int(10, behind.milliseconds)
    writer.uint(11, staleOmitted)
    return writer.bytes
  }

  /// - Throws: `WireError`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var query = WireQuery()
    var result = PromptRecord(flight: QueryInFlight(query: .placeholder))
    while let field = try reader.nextField() {
      switch field {
      case 2: query = try reader.message(WireQuery.self)
      case 3: result.round = try reader.uint32()
      case 4: result.model = try reader.string()
      case 5: try reader.floats(into: &result.vector)
      case 6: result.context.append(try reader.message(WireContextItem.self).item())
      case 7: result.shardsAnswered = try reader.uint32()
      case 8: result.shardsTotal = try reader.uint32()
      case 9: result.behind.records = try reader.int64()
      case 10: result.behind.milliseconds = try reader.int64()
      case 11: result.staleOmitted = try reader.uint32()
      default: try reader.skip()
      }
    }
    result.flight = try query.flight()
    self = result
  }
}

extension QueryRecord {
  /// The state before a message's query field is read.
  fileprivate static var placeholder: QueryRecord { QueryRecord(id: .unread, text: "") }
}
