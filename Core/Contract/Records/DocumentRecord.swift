/// The value of a record in `rag.documents`. A null value deletes the document.
package struct DocumentRecord: Sendable, Equatable {
  /// The content in one of its three forms.
  package enum Content: Sendable, Equatable {
    case text(String)
    /// Base64 as received. Ingest decodes it and checks its size.
    case base64(String)
    /// A claim check: the address of the content.
    case uri(String)
  }

  /// The limit for all metadata names and values together: every record of the document's chunks and vectors
  /// carries them.
  package static let metadataBytesMax = 16_384
  package static let aclBytesMax = 65_536

  package var id: DocumentID
  package var tenant: TenantID
  package var title: String
  package var content: Content
  package var mediaType: String?
  /// The address in citations. It is also the address of a claim check.
  package var uri: String
  package var source: String
  package var metadata: [String: MetadataValue]
  /// Principals that may read the document; nil = the whole tenant, empty = nobody.
  package var acl: [String]?
  package var language: String
  package var expiresAtMilliseconds: Int64?
  /// Fields that are ignored or count as absent, although the producer probably meant something by them.
  package var doubts: [FieldError] = []
  /// Members without a meaning that `json` writes nevertheless, so that ingest can warn about them.
  package var ignored: [JSONMember] = []

  package init(id: DocumentID, tenant: TenantID = .standard, title: String = "", content: Content) {
    self.id = id
    self.tenant = tenant
    self.title = title
    self.content = content
    uri = ""
    source = ""
    metadata = [:]
    language = ""
  }

  package var key: DocumentKey { DocumentKey(tenant: tenant, id: id) }

  /// Reads and checks a value against the key under which it was produced.
  ///
  /// - Parameter fieldMap: the producer's names for our fields, for example `["text": "body"]`.
  /// - Throws: `FieldError` for the first field that breaks its rule.
  package init(value: [UInt8], key: DocumentKey, fieldMap: [String: String] = [:]) throws(FieldError) {
    let written = try FieldReader.read(value).object
    let fields = FieldReader(object: written.renamed(by: fieldMap))
    tenant = try fields.tenant()
    id = try Self.documentID(fields)
    guard tenant == key.tenant, id == key.id else {
      throw FieldError(
        .keyMismatch, field: "key", value: key.description,
        rule: "must be the value's tenant/id, \(tenant)/\(id)")
    }
    title = try fields.string("title") ?? ""
    mediaType = try fields.string("media_type", bytesMax: 255)
    source = try fields.string("source") ?? ""
    language = try fields.string("language", bytesMax: 64) ?? ""
    acl = try fields.strings("acl", countMax: 1000)
    try Self.check("acl", bytes: (acl ?? []).reduce(0) { $0 + $1.utf8.count }, max: Self.aclBytesMax)
    expiresAtMilliseconds = try fields.time("expires_at")
    if let time = expiresAtMilliseconds, time < 0 {
      throw FieldError(
        .outOfRange, field: "expires_at", value: "\(time)", rule: "must be after 1970 (0: never)")
    }
    // The number 0 means never. The text 1970-01-01T00:00:00Z means a time that has passed.
    if expiresAtMilliseconds == 0, fields.object["expires_at"]?.stringValue != nil {
      expiresAtMilliseconds = 1
    }
    metadata = try Self.metadata(fields)
    uri = try fields.string("uri") ?? ""
    content = try Self.content(fields, uri: uri)
    doubts = Self.doubts(written, fieldMap)
  }

  package static let names = [
    "id", "tenant", "title", "media_type", "uri", "source", "metadata", "acl", "language", "expires_at",
    "text",
    "content_base64",
  ]

  private static let doubtsMax = 10

  /// Finds `"acl": null` and misspelt names. Null opens a document to its whole tenant, and so does an access list
  /// under the name `ACL`, or under our name if `fieldMap` gives the field another one.
  private static func doubts(_ written: JSONValue, _ fieldMap: [String: String]) -> [FieldError] {
    let expected = names.map { fieldMap[$0] ?? $0 }
    var meant: [String: String] = [:]
    for (name, own) in zip(expected, names) {
      meant[FieldName.bare(name)] = name
      if meant[FieldName.bare(own)] == nil { meant[FieldName.bare(own)] = name }
    }
    var doubts: [FieldError] = []
    for member in written.members ?? [] where doubts.count < doubtsMax {
      if member.name == fieldMap["acl"] ?? "acl", member.value == .null {
        doubts.append(
          FieldError(
            .badValue, field: member.name, value: "null",
            rule: "must be a list, or absent for the whole tenant"))
      } else if !expected.contains(member.name), member.name.utf8.count <= 64,
        let name = meant[FieldName.bare(member.name)]
      {
        doubts.append(
          FieldError(
            .badValue, field: member.name, value: member.name, rule: "is not a field: write '\(name)'"))
      }
    }
    return doubts
  }

  private static func documentID(_ fields: FieldReader) throws(FieldError) -> DocumentID {
    guard let text = try fields.string("id", bytesMax: .max) else {
      throw FieldError(.missingField, field: "id", value: "", rule: "must be present: \(DocumentID.rule)")
    }
    guard let id = DocumentID(text) else {
      throw FieldError(.badID, field: "id", value: text, rule: DocumentID.rule)
    }
    return id
  }

  private static func content(_ fields: FieldReader, uri: String) throws(FieldError) -> Content {
    let text = try fields.string("text", bytesMax: .max)
    let base64 = try fields.string("content_base64", bytesMax: .max)
    if let text, base64 == nil {
      guard !text.allSatisfy(\.isWhitespace) else {
        throw FieldError(.emptyText, field: "text", value: "", rule: "must hold more than white space")
      }
      return .text(text)
    }
    if let base64, text == nil {
      return .base64(base64)
    }
    if text != nil {
      throw FieldError(
        .badValue, field: "content_base64", value: "present", rule: "must be absent when text is present")
    }
    guard !uri.isEmpty else {
      throw FieldError(
        .missingField, field: "text", value: "", rule: "must be present (or content_base64, or uri)")
    }
    return .uri(uri)
  }

  /// - Throws: `FieldError`, which names the member that can't be metadata.
  package static func metadata(_ value: JSONValue) throws(FieldError) -> [String: MetadataValue] {
    try metadata(FieldReader(object: .object(["metadata": value])))
  }

  private static func metadata(_ fields: FieldReader) throws(FieldError) -> [String: MetadataValue] {
    guard let value = fields.present("metadata") else { return [:] }
    guard let members = value.members else { throw fields.wrongType("metadata", value, "an object") }
    var map: [String: MetadataValue] = [:]
    for member in members where member.value != .null {
      guard let item = try MetadataValue(json: member.value, field: "metadata.\(member.name)") else {
        throw FieldReader(object: value, prefix: "metadata.").wrongType(
          member.name, member.value, "a string, number, boolean or an array of them")
      }
      map[member.name] = item
    }
    let bytes = map.reduce(0) { $0 + $1.key.utf8.count + $1.value.byteCount }
    try check("metadata", bytes: bytes, max: metadataBytesMax)
    return map
  }

  private static func check(_ field: String, bytes: Int, max: Int) throws(FieldError) {
    guard bytes > max else { return }
    throw FieldError(
      .tooLong, field: field, value: "\(bytes) bytes", rule: "must be at most \(max) bytes in all")
  }

  /// Writes times before 2001 in seconds, rounded up: as milliseconds they would be refused or taken for seconds.
  private static func time(_ milliseconds: Int64) -> JSONValue {
    milliseconds < 978_307_200_000 ? .int((milliseconds + 999) / 1000) : .int(milliseconds)
  }

  /// The value as JSON, as `millrace documents put` produces it.
  package var json: JSONValue {
    var text: JSONValue?
    var base64: JSONValue?
    switch content {
    case .text(let string): text = .string(string)
    case .base64(let string): base64 = .string(string)
    case .uri: break
    }
    let own: JSONValue = .object([
      "id": .string(id.rawValue), "tenant": .string(tenant.rawValue),
      "title": title.isEmpty ? nil : .string(title), "media_type": mediaType.map(JSONValue.string),
      "uri": uri.isEmpty ? nil : .string(uri), "source": source.isEmpty ? nil : .string(source),
      "metadata": metadata.isEmpty
        ? nil
        : .object(
          metadata.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: $0.value.json) }),
      "acl": acl.map { .array($0.map(JSONValue.string)) },
      "language": language.isEmpty ? nil : .string(language),
      "expires_at": expiresAtMilliseconds.map(Self.time), "text": text, "content_base64": base64,
    ])
    return .object((own.members ?? []) + ignored.filter { $0.name != "acl" || acl == nil })
  }
}

extension JSONValue {
  /// Renames members from the producer's names to ours.
  fileprivate func renamed(by fieldMap: [String: String]) -> JSONValue {
    guard !fieldMap.isEmpty, case .object(let members) = self else { return self }
    let ours = Dictionary(fieldMap.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
    let taken = Set(fieldMap.keys)
    return .object(
      members.compactMap { member in
        if let name = ours[member.name] { return JSONMember(name: name, value: member.value) }
        return taken.contains(member.name) ? nil : member
      })
  }
}
