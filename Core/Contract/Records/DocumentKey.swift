/// `tenant/document_id`: the key of a document in `rag.documents` and `rag.chunks`, and the start of the
/// keys in the other document topics. The first `/` separates tenant and id.
package struct DocumentKey: Sendable, Hashable, CustomStringConvertible {
  package var tenant: TenantID
  package var id: DocumentID

  package init(tenant: TenantID, id: DocumentID) {
    self.tenant = tenant
    self.id = id
  }

  /// - Throws: `FieldError` for the field `key` when the bytes are not a valid `tenant/document_id`.
  package init(bytes: [UInt8]?) throws(FieldError) {
    let (tenant, id) = try KeyText.split(bytes, form: "tenant/document_id")
    guard let documentID = DocumentID(id) else {
      throw FieldError(.badKey, field: "key", value: id, rule: "the id in the key \(DocumentID.rule)")
    }
    self.init(tenant: tenant, id: documentID)
  }

  package var description: String { "\(tenant)/\(id)" }
  package var bytes: [UInt8] { Array(description.utf8) }
}

private enum KeyText {
  static func split(_ bytes: [UInt8]?, form: String) throws(FieldError) -> (TenantID, String) {
    guard let bytes, !bytes.isEmpty else {
      throw FieldError(.badKey, field: "key", value: "", rule: "must be \(form)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FieldError(
        .badKey, field: "key", value: String(decoding: bytes.prefix(64), as: UTF8.self),
        rule: "must be UTF-8")
    }
    // Search by bytes: a slash and a combining mark after it form one character.
    guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else {
      throw FieldError(.badKey, field: "key", value: text, rule: "must be \(form)")
    }
    let name = String(decoding: bytes[..<slash], as: UTF8.self)
    guard let tenant = TenantID(name) else {
      throw FieldError(
        .badTenant, field: "key", value: name, rule: "the tenant in the key \(TenantID.rule)")
    }
    return (tenant, String(decoding: bytes[(slash + 1)...], as: UTF8.self))
  }
}
