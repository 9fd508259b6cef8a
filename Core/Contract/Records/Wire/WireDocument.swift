/// The wire form of `DocumentInfo`. `info()` checks the identifiers.
struct WireDocument: WireMessage {
  var tenant = "", id = "", title = "", uri = "", source = "", language = ""
  var epoch: UInt32 = 0
  var offset: Int64 = 0
  var metadata: [WireMetadataEntry] = []
  var hasACL = false
  var acl: [String] = []
  var expiresAt: Int64 = 0
  var reading: Int64 = 0
  var reader = ""

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
    reading = info.version.reading
    reader = info.reader?.description ?? ""
  }

  func info() throws(WireError) -> DocumentInfo {
    guard let tenant = TenantID(tenant), let id = DocumentID(id),
      Version.isPossible(offset: offset, reading: reading)
    else {
      throw WireError(position: 0, rule: "a document without a usable tenant, id or version")
    }
    var info = DocumentInfo(
      key: DocumentKey(tenant: tenant, id: id),
      version: Version(epoch: epoch, offset: offset, reading: reading))
    info.title = title
    info.uri = uri
    info.source = source
    for entry in metadata { if let value = entry.value { info.metadata[entry.name] = value } }
    info.acl = hasACL ? acl : nil
    info.language = language
    // Records of earlier builds may hold any number. A time before 1970 or beyond the bounds is read as 0 (never).
    info.expiresAtMilliseconds = (0...WireBounds.numberMax).contains(expiresAt) ? expiresAt : 0
    info.reader = ReaderVersion(reader)
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
    writer.int(13, reading)
    writer.string(14, reader)
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
    case 13: reading = try reader.int64()
    case 14: self.reader = try reader.string()
    default: return false
    }
    return true
  }
}
