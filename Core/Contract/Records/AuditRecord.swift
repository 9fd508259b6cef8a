/// A record of `rag.audit`: who asked, which question, and which documents were read. No stage writes it yet.
package struct AuditRecord: Sendable, Equatable {
  package var queryID: String
  package var tenant: String
  package var principals: [String]
  /// SHA-256 of the question in hexadecimal. It proves which question was asked without repeating the
  /// question.
  package var questionDigest: String
  package var documents: [String]
  package var status: AnswerRecord.Status

  package init(
    queryID: String, tenant: String, principals: [String], questionDigest: String, documents: [String],
    status: AnswerRecord.Status
  ) {
    self.queryID = queryID
    self.tenant = tenant
    self.principals = principals
    self.questionDigest = questionDigest
    self.documents = documents
    self.status = status
  }

  package var json: JSONValue {
    .object([
      "query_id": .string(queryID), "tenant": .string(tenant),
      "principals": .array(principals.map(JSONValue.string)), "question_sha256": .string(questionDigest),
      "documents": .array(documents.map(JSONValue.string)), "status": .string(status.rawValue),
    ])
  }

  /// - Throws: `FieldError` when the value is not a JSON object, `status` is missing, or a field breaks its
  ///   rule.
  package init(value: [UInt8]) throws(FieldError) {
    let fields = try FieldReader.read(value)
    guard let status = try fields.choice("status", AnswerRecord.Status.self) else {
      throw FieldError(.missingField, field: "status", value: "", rule: "must be present")
    }
    self.init(
      queryID: try fields.string("query_id") ?? "", tenant: try fields.string("tenant") ?? "",
      principals: try fields.strings("principals", countMax: 1000) ?? [],
      questionDigest: try fields.string("question_sha256") ?? "",
      documents: try fields.strings("documents", countMax: 10_000) ?? [], status: status)
  }
}
