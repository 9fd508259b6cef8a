struct WireTextCopy: WireMessage {
  var tenant = "", id = "", title = "", uri = ""
  var version = ""
  var chunk: UInt32 = 0
  var expiresAt: Int64 = 0

  init() {}
  init(_ copy: TextCopy) {
    tenant = copy.document.tenant.rawValue
    id = copy.document.id.rawValue
    title = copy.title
    uri = copy.uri
    version = copy.version.description
    chunk = copy.chunk
    expiresAt = copy.expiresAtMilliseconds
  }

  func copy() throws(WireError) -> TextCopy {
    guard let tenant = TenantID(tenant), let id = DocumentID(id), let version = Version(version) else {
      throw WireError(position: 0, rule: "a copy without a usable tenant, id or version")
    }
    return TextCopy(
      document: DocumentKey(tenant: tenant, id: id), version: version, chunk: chunk, title: title, uri: uri,
      expiresAtMilliseconds: expiresAt)
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, tenant)
    writer.string(2, id)
    writer.string(3, title)
    writer.string(4, uri)
    writer.string(5, version)
    writer.uint(6, chunk)
    writer.int(7, expiresAt)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: tenant = try reader.string()
    case 2: id = try reader.string()
    case 3: title = try reader.string()
    case 4: uri = try reader.string()
    case 5: version = try reader.string()
    case 6: chunk = try reader.uint32()
    case 7: expiresAt = try reader.int64()
    default: return false
    }
    return true
  }
}
