/// `tenant/document_id`: the key of a document in all document topics. It splits at its first `/`.
package struct DocumentKey: Sendable, Hashable, CustomStringConvertible {
  package var tenant: TenantID
  package var id: DocumentID

  package init(tenant: TenantID, id: DocumentID) {
    self.tenant = tenant
    self.id = id
  }

  /// - Throws: `FieldError` on `key` when the bytes are no `tenant/document_id`.
  package init(bytes: [UInt8]?) throws(FieldError) {
    let (tenant, id) = try KeyText.split(bytes, form: "tenant/document_id")
    guard let documentID = DocumentID(id) else {
      throw FieldError("bad_key", field: "key", value: id, rule: "the id in the key \(DocumentID.rule)")
    }
    self.init(tenant: tenant, id: documentID)
  }

  package var description: String { "\(tenant)/\(id)" }
  package var bytes: [UInt8] { Array(description.utf8) }
}

/// `tenant/query_id`: the key of a query from `rag.searches` on.
package struct QueryKey: Sendable, Hashable, CustomStringConvertible {
  package var tenant: TenantID
  package var id: QueryID

  package init(tenant: TenantID, id: QueryID) {
    self.tenant = tenant
    self.id = id
  }

  package var description: String { "\(tenant)/\(id)" }
  package var bytes: [UInt8] { Array(description.utf8) }
}

private enum KeyText {
  static func split(_ bytes: [UInt8]?, form: String) throws(FieldError) -> (TenantID, String) {
    guard let bytes, !bytes.isEmpty else {
      throw FieldError("bad_key", field: "key", value: "", rule: "must be \(form)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FieldError(
        "bad_key", field: "key", value: String(decoding: bytes.prefix(64), as: UTF8.self),
        rule: "must be UTF-8")
    }
    // By bytes: a slash and a combining mark after it are one character.
    guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else {
      throw FieldError("bad_key", field: "key", value: text, rule: "must be \(form)")
    }
    let name = String(decoding: bytes[..<slash], as: UTF8.self)
    guard let tenant = TenantID(name) else {
      throw FieldError(
        "bad_tenant", field: "key", value: name, rule: "the tenant in the key \(TenantID.rule)")
    }
    return (tenant, String(decoding: bytes[(slash + 1)...], as: UTF8.self))
  }
}

/// What a deletion, a rejection or a drop writes to `rag.vectors` in place of vectors.
package enum Mark: String, Sendable, CaseIterable {
  case deleted, failed, dropped
}

/// The key of a record in `rag.vectors`: `document@epoch.offset~digest#part`, or `…~<mark>#0`.
///
/// It belongs to one version and one chunking of one document, so a late writer replaces nothing.
package struct VectorKey: Sendable, Hashable, CustomStringConvertible {
  package enum Set: Sendable, Hashable {
    /// The hexadecimal digest of all chunks of the version.
    case chunks(digest: String)
    case mark(Mark)
  }

  package var document: DocumentKey
  package var version: Version
  package var set: Set
  package var part: UInt32

  package init(document: DocumentKey, version: Version, set: Set, part: UInt32) {
    self.document = document
    self.version = version
    self.set = set
    self.part = part
  }

  /// Reads a key from the right, since a document's id may hold any of the separators; by bytes, since a separator
  /// and what stands beside it may be one character.
  package init?(bytes: [UInt8]?) {
    guard let bytes, let hash = bytes.lastIndex(of: UInt8(ascii: "#")),
      let tilde = bytes[..<hash].lastIndex(of: UInt8(ascii: "~")),
      let at = bytes[..<tilde].lastIndex(of: UInt8(ascii: "@")),
      let part = UInt32(String(decoding: bytes[(hash + 1)...], as: UTF8.self)),
      let version = Version(String(decoding: bytes[(at + 1)..<tilde], as: UTF8.self)),
      let name = String(validating: bytes[(tilde + 1)..<hash], as: UTF8.self),
      let document = try? DocumentKey(bytes: Array(bytes[..<at]))
    else { return nil }
    self.init(
      document: document, version: version, set: Mark(rawValue: name).map(Set.mark) ?? .chunks(digest: name),
      part: part)
    // `+5` and `05` are numbers too, but no spelling of ours: they would be a second key of the same part.
    guard self.bytes == bytes else { return nil }
  }

  package var description: String {
    let name =
      switch set {
      case .chunks(let digest): digest
      case .mark(let mark): mark.rawValue
      }
    return "\(document)@\(version)~\(name)#\(part)"
  }
  package var bytes: [UInt8] { Array(description.utf8) }
}

/// The key of an event in `rag.document-status`: `tenant/document_id@epoch.offset#state`.
package enum StatusKey {
  package static func bytes(_ document: DocumentKey, _ version: Version, _ state: DocumentState) -> [UInt8] {
    Array("\(document)@\(version)#\(state.rawValue)".utf8)
  }
}

/// Kafka's default partitioner, which the Java clients use for a record with a key.
package enum Partitioner {
  /// - Returns: the partition of `key` among `partitionCount`.
  /// - SeeAlso: `org.apache.kafka.common.utils.Utils.murmur2`.
  package static func partition(ofKey key: [UInt8], partitionCount: Int32) -> Int32 {
    Int32(murmur2(key) & 0x7FFF_FFFF) % max(1, partitionCount)
  }

  package static func murmur2(_ data: [UInt8]) -> UInt32 {
    let multiplier: UInt32 = 0x5BD1_E995
    var hash: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: data.count)
    var index = 0
    while data.count - index >= 4 {
      var word =
        UInt32(data[index]) | UInt32(data[index + 1]) << 8 | UInt32(data[index + 2]) << 16
        | UInt32(data[index + 3]) << 24
      word &*= multiplier
      word ^= word >> 24
      word &*= multiplier
      hash = (hash &* multiplier) ^ word
      index += 4
    }
    let tail = data.count - index
    if tail >= 3 { hash ^= UInt32(data[index + 2]) << 16 }
    if tail >= 2 { hash ^= UInt32(data[index + 1]) << 8 }
    if tail >= 1 {
      hash ^= UInt32(data[index])
      hash &*= multiplier
    }
    hash ^= hash >> 13
    hash &*= multiplier
    return hash ^ (hash >> 15)
  }
}

/// The channel in Redis on which the sentences of one answer are streamed.
package enum StreamChannel {
  package static func name(_ topicPrefix: String, _ key: QueryKey) -> String {
    "millrace:stream:\(topicPrefix)\(key)"
  }
}
