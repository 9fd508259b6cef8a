/// A document's identity and properties as they travel with its chunks.
package struct DocumentInfo: Sendable, Equatable {
  package var key: DocumentKey
  package var version: Version
  package var title = ""
  package var uri = ""
  package var source = ""
  package var metadata: [String: MetadataValue] = [:]
  /// Nil = the whole tenant may read, empty = nobody.
  package var acl: [String]?
  package var language = ""
  package var expiresAtMilliseconds: Int64 = 0

  package init(key: DocumentKey, version: Version) {
    self.key = key
    self.version = version
  }

  /// Whether its time is over at `milliseconds` since 1970: then it is neither found nor cited.
  package func isExpired(at milliseconds: Int64) -> Bool {
    expiresAtMilliseconds > 0 && expiresAtMilliseconds <= milliseconds
  }

  /// The properties of a record under its version.
  package init(_ record: DocumentRecord, version: Version) {
    self.init(key: record.key, version: version)
    title = record.title
    uri = record.uri
    source = record.source
    metadata = record.metadata
    acl = record.acl
    language = record.language
    expiresAtMilliseconds = record.expiresAtMilliseconds ?? 0
  }
}

/// The wire form of `DocumentInfo`: identifiers are checked when it becomes one.
struct WireDocument: WireMessage {
  var tenant = "", id = "", title = "", uri = "", source = "", language = ""
  var epoch: UInt32 = 0
  var offset: Int64 = 0
  var metadata: [WireMetadataEntry] = []
  var hasACL = false
  var acl: [String] = []
  var expiresAt: Int64 = 0

  init() {}

  init(_ info: DocumentInfo) {
    tenant = info.key.tenant.rawValue
    id = info.key.id.rawValue
    epoch = info.version.epoch
    offset = info.version.offset
    title = info.title
    uri = info.uri
    source = info.source
    metadata = info.metadata.sorted { $0.key < $1.key }.map {
      WireMetadataEntry(name: $0.key, value: $0.value)
    }
    hasACL = info.acl != nil
    acl = info.acl ?? []
    language = info.language
    expiresAt = info.expiresAtMilliseconds
  }

  func info() throws(WireError) -> DocumentInfo {
    guard let tenant = TenantID(tenant), let id = DocumentID(id), offset >= 0 else {
      throw WireError(position: 0, rule: "a document without a usable tenant, id or version")
    }
    var info = DocumentInfo(
      key: DocumentKey(tenant: tenant, id: id), version: Version(epoch: epoch, offset: offset))
    info.title = title
    info.uri = uri
    info.source = source
    for entry in metadata { if let value = entry.value { info.metadata[entry.name] = value } }
    info.acl = hasACL ? acl : nil
    info.language = language
    // Records of earlier versions may hold any: before 1970 and far beyond all clocks are both "never".
    info.expiresAtMilliseconds = (0...WireBounds.numberMax).contains(expiresAt) ? expiresAt : 0
    return info
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, tenant)
    writer.string(2, id)
    writer.uint(3, epoch)
    writer.int(4, offset)
    writer.string(5, title)
    writer.string(6, uri)
    writer.string(7, source)
    writer.messages(8, metadata)
    writer.bool(9, hasACL)
    writer.strings(10, acl)
    writer.string(11, language)
    writer.int(12, expiresAt)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: tenant = try reader.string()
    case 2: id = try reader.string()
    case 3: epoch = try reader.uint32()
    case 4: offset = try reader.int64()
    case 5: title = try reader.string()
    case 6: uri = try reader.string()
    case 7: source = try reader.string()
    case 8: metadata.append(try reader.message(WireMetadataEntry.self))
    case 9: hasACL = try reader.bool()
    case 10: acl.append(try reader.string())
    case 11: language = try reader.string()
    case 12: expiresAt = try reader.int64()
    default: return false
    }
    return true
  }
}

struct WireMetadataEntry: WireMessage {
  var name = ""
  var value: MetadataValue?

  init() {}
  init(name: String, value: MetadataValue) {
    self.name = name
    self.value = value
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, name)
    switch value {
    case .string(let text): writer.string(2, text, always: true)
    case .number(let number): writer.double(3, number, always: true)
    case .bool(let flag): writer.alwaysBool(4, flag)
    case nil: break
    }
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: name = try reader.string()
    case 2: value = .string(try reader.string())
    case 3: value = .number(try reader.double())
    case 4: value = .bool(try reader.bool())
    default: return false
    }
    return true
  }
}

struct WireFault: WireMessage {
  var error = RecordError(code: "", field: "", message: "")
  init() {}
  init(_ error: RecordError) { self.error = error }

  func write(to writer: inout WireWriter) {
    writer.string(1, error.code)
    writer.string(2, error.field)
    writer.string(3, error.message)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: error.code = try reader.string()
    case 2: error.field = try reader.string()
    case 3: error.message = try reader.string()
    default: return false
    }
    return true
  }
}

/// A piece of a document's extracted text.
package struct Chunk: Sendable, Equatable, WireMessage {
  package var number: UInt32 = 0
  package var text = ""
  package var headingPath: [String] = []
  /// UTF-8 byte range in the extracted text.
  package var start: UInt64 = 0
  package var end: UInt64 = 0
  /// SHA-256 of what is embedded.
  package var contentHash: [UInt8] = []
  package var tokenCount: UInt32 = 0

  package init() {}

  /// What is embedded, and whose hash tells whether a vector can be used again: the headings say what a text is about.
  package var embeddedText: String {
    headingPath.isEmpty ? text : headingPath.joined(separator: " > ") + "\n" + text
  }

  func write(to writer: inout WireWriter) {
    writer.uint(1, number)
    writer.string(2, text)
    writer.strings(3, headingPath)
    writer.uint(4, start)
    writer.uint(5, end)
    writer.data(6, contentHash)
    writer.uint(7, tokenCount)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: number = try reader.uint32()
    case 2: text = try reader.string()
    case 3: headingPath.append(try reader.string())
    case 4: start = try reader.uint64()
    case 5: end = try reader.uint64()
    case 6: contentHash = try reader.data()
    case 7: tokenCount = try reader.uint32()
    default: return false
    }
    return true
  }

  func check() throws(WireError) { try WireBounds.check(start: start, end: end) }
}

/// Which part of which version a record carries; shared by `ChunkBatch` and `VectorBatch`.
package struct PartHeader: Sendable, Equatable {
  /// The format that this build writes; readers accept it and lower ones.
  package static let formatCurrent: UInt32 = 1

  package var format = PartHeader.formatCurrent
  package var document: DocumentInfo
  /// SHA-256 over all chunks, their division into parts, the model and the format.
  package var digest: [UInt8] = []
  package var part: UInt32 = 0
  package var partCount: UInt32 = 0
  package var chunkCount: UInt32 = 0
  package var model = ""
  package var requestID = ""

  package init(document: DocumentInfo) { self.document = document }

  package var digestHex: String { Self.hex(digest) }

  /// Lower-case hexadecimal, as digests stand in keys.
  package static func hex(_ digest: [UInt8]) -> String {
    digest.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  /// The key under which this part's vectors are produced.
  package var vectorKey: VectorKey {
    VectorKey(document: document.key, version: document.version, set: .chunks(digest: digestHex), part: part)
  }
}

/// The optional fields while a part is read.
private struct PartFields {
  var format: UInt32 = 0
  var document = WireDocument()
  var digest: [UInt8] = []
  var part: UInt32 = 0
  var partCount: UInt32 = 0
  var chunkCount: UInt32 = 0
  var model = ""
  var chunks: [Chunk] = []
  var requestID = ""

  init() {}

  init(_ header: PartHeader, chunks: [Chunk]) {
    format = header.format
    document = WireDocument(header.document)
    digest = header.digest
    part = header.part
    partCount = header.partCount
    chunkCount = header.chunkCount
    model = header.model
    self.chunks = chunks
    requestID = header.requestID
  }

  func header() throws(WireError) -> PartHeader {
    guard (1...PartHeader.formatCurrent).contains(format) else {
      throw WireError(position: 0, rule: "format \(format) is newer than \(PartHeader.formatCurrent)")
    }
    var header = PartHeader(document: try document.info())
    header.format = format
    header.digest = digest
    header.part = part
    header.partCount = partCount
    header.chunkCount = chunkCount
    header.model = model
    header.requestID = requestID
    return header
  }

  func write(to writer: inout WireWriter) {
    writer.uint(1, format)
    writer.message(2, document)
    writer.data(3, digest)
    writer.uint(4, part)
    writer.uint(5, partCount)
    writer.uint(6, chunkCount)
    writer.string(7, model)
    writer.messages(8, chunks)
    writer.string(9, requestID)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: format = try reader.uint32()
    case 2: document = try reader.message(WireDocument.self)
    case 3: digest = try reader.data()
    case 4: part = try reader.uint32()
    case 5: partCount = try reader.uint32()
    case 6: chunkCount = try reader.uint32()
    case 7: model = try reader.string()
    case 8: chunks.append(try reader.message(Chunk.self))
    case 9: requestID = try reader.string()
    default: return false
    }
    return true
  }
}

/// What `rag.chunks` carries: a part of the chunks of one version.
package struct ChunkBatch: Sendable, Equatable {
  package var header: PartHeader
  package var chunks: [Chunk]

  package init(header: PartHeader, chunks: [Chunk]) {
    self.header = header
    self.chunks = chunks
  }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    PartFields(header, chunks: chunks).write(to: &writer)
    return writer.bytes
  }

  /// - Throws: `WireError`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var fields = PartFields()
    while let field = try reader.nextField() {
      if try !fields.read(field, from: &reader) { try reader.skip() }
    }
    self.init(header: try fields.header(), chunks: fields.chunks)
  }
}

/// What `rag.vectors` carries: a part's chunks with their vectors, or a mark.
package struct VectorBatch: Sendable, Equatable {
  package enum Content: Sendable, Equatable {
    /// Row-major, one row of `dimension` values per chunk, unit length.
    case vectors(chunks: [Chunk], dimension: Int, values: [Float])
    case mark(Mark, operation: StatusRecord.Operation, error: RecordError?)
  }

  /// More than any model's; a reader keeps room for rows of this length.
  package static let dimensionMax = 65_536

  package var header: PartHeader
  package var content: Content

  package init(header: PartHeader, content: Content) {
    self.header = header
    self.content = content
  }

  package var key: VectorKey {
    switch content {
    case .vectors: header.vectorKey
    case .mark(let mark, _, _):
      VectorKey(document: header.document.key, version: header.document.version, set: .mark(mark), part: 0)
    }
  }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    switch content {
    case .vectors(let chunks, let dimension, let values):
      PartFields(header, chunks: chunks).write(to: &writer)
      writer.uint(10, UInt32(clamping: dimension))
      writer.packed(11, values)
    case .mark(let mark, let operation, let error):
      PartFields(header, chunks: []).write(to: &writer)
      writer.string(12, mark.rawValue)
      if let error { writer.message(13, WireFault(error)) }
      writer.bool(14, operation == .delete)
    }
    return writer.bytes
  }

  /// - Throws: `WireError`, also when the vectors do not match the chunks.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var fields = PartFields()
    var dimension: UInt32 = 0
    var values: [Float] = []
    var markName = ""
    var fault: WireFault?
    var isDelete = false
    while let field = try reader.nextField() {
      if try fields.read(field, from: &reader) { continue }
      switch field {
      case 10: dimension = try reader.uint32()
      case 11: try reader.floats(into: &values)
      case 12: markName = try reader.string()
      case 13: fault = try reader.message(WireFault.self)
      case 14: isDelete = try reader.bool()
      default: try reader.skip()
      }
    }
    let header = try fields.header()
    guard markName.isEmpty else {
      guard let mark = Mark(rawValue: markName) else {
        throw WireError(position: 0, rule: "unknown mark '\(markName.prefix(32))'")
      }
      self.init(
        header: header, content: .mark(mark, operation: isDelete ? .delete : .put, error: fault?.error))
      return
    }
    let (expected, overflow) = Int(dimension).multipliedReportingOverflow(by: fields.chunks.count)
    guard !overflow, values.count == expected, (1...Self.dimensionMax).contains(Int(dimension)) else {
      throw WireError(
        position: 0,
        rule: "\(values.count) values for \(fields.chunks.count) chunks of dimension \(dimension)")
    }
    self.init(
      header: header, content: .vectors(chunks: fields.chunks, dimension: Int(dimension), values: values))
  }
}
