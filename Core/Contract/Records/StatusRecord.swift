/// A state of a document version.
package enum DocumentState: String, Sendable, CaseIterable {
  case accepted, indexed, deleted, failed, superseded

  package var isTerminal: Bool { self != .accepted }
}

/// What `rag.document-status` carries.
package struct StatusRecord: Sendable, Equatable {
  package enum Operation: String, Sendable, CaseIterable { case put, delete }

  /// A document's id, or topic-partition-offset of a record that has no version.
  package var id: String
  package var tenant: String
  /// Nil for a record that has none (unusable key, wrong partition).
  package var version: Version?
  package var operation: Operation
  package var state: DocumentState
  package var chunks: UInt32
  package var error: RecordError?
  package var warnings: [String]
  /// On `indexed` and `deleted`: what a query's `after` takes.
  package var token: VectorsToken?

  package init(id: String, tenant: String, version: Version?, operation: Operation, state: DocumentState) {
    self.id = id
    self.tenant = tenant
    self.version = version
    self.operation = operation
    self.state = state
    chunks = 0
    warnings = []
  }

  package init(_ document: DocumentKey, _ version: Version, _ operation: Operation, _ state: DocumentState) {
    self.init(
      id: document.id.rawValue, tenant: document.tenant.rawValue, version: version, operation: operation,
      state: state)
  }

  /// The document that the event is about, nil where the record had no usable key.
  package var document: DocumentKey? {
    guard version != nil, let tenant = TenantID(tenant), let id = DocumentID(id) else { return nil }
    return DocumentKey(tenant: tenant, id: id)
  }

  package var json: JSONValue {
    .object([
      "id": .string(id), "tenant": .string(tenant), "version": version.map { .string($0.description) },
      "operation": .string(operation.rawValue), "state": .string(state.rawValue), "chunks": .int(chunks),
      "warnings": warnings.isEmpty ? nil : .array(warnings.map(JSONValue.string)), "error": error?.json,
      "token": token.map { .string($0.description) },
    ])
  }

  /// - Throws: `FieldError`.
  package init(value: [UInt8]) throws(FieldError) {
    let fields = try FieldReader.read(value)
    guard let id = try fields.string("id"), let state = try fields.choice("state", DocumentState.self) else {
      throw FieldError("missing_field", field: "id, state", value: "", rule: "must be present")
    }
    self.init(
      id: id, tenant: try fields.string("tenant") ?? "",
      version: try fields.string("version").flatMap { Version($0) },
      operation: try fields.choice("operation", Operation.self) ?? .put, state: state)
    chunks = UInt32(clamping: fields.object["chunks"]?.integerValue ?? 0)
    warnings = try fields.strings("warnings", countMax: 100) ?? []
    error = RecordError(json: fields.object["error"])
    token = try fields.string("token").flatMap { VectorsToken($0) }
  }
}

/// What `rag.control` carries: the wish that a query be worked on no more.
package struct ControlRecord: Sendable, Equatable {
  package enum Action: String, Sendable, CaseIterable { case cancel }
  package var id: QueryID
  package var tenant: TenantID
  package var action: Action

  package init(id: QueryID, tenant: TenantID, action: Action = .cancel) {
    self.id = id
    self.tenant = tenant
    self.action = action
  }

  package var json: JSONValue {
    .object([
      "id": .string(id.rawValue), "tenant": .string(tenant.rawValue), "action": .string(action.rawValue),
    ])
  }

  /// - Throws: `FieldError`.
  package init(value: [UInt8]) throws(FieldError) {
    let fields = try FieldReader.read(value)
    guard let text = try fields.string("id", bytesMax: .max), let id = QueryID(text) else {
      throw FieldError("bad_id", field: "id", value: fields.object["id"]?.text ?? "", rule: QueryID.rule)
    }
    guard let action = try fields.choice("action", Action.self) else {
      throw FieldError("missing_field", field: "action", value: "", rule: "must be present")
    }
    self.init(id: id, tenant: try fields.tenant(), action: action)
  }
}

/// What `rag.audit` carries: who asked what, and which documents were read.
package struct AuditRecord: Sendable, Equatable {
  package var queryID: String
  package var tenant: String
  package var principals: [String]
  /// SHA-256 of the question in hexadecimal: the event proves which question, without repeating it.
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

  /// - Throws: `FieldError`.
  package init(value: [UInt8]) throws(FieldError) {
    let fields = try FieldReader.read(value)
    guard let status = try fields.choice("status", AnswerRecord.Status.self) else {
      throw FieldError("missing_field", field: "status", value: "", rule: "must be present")
    }
    self.init(
      queryID: try fields.string("query_id") ?? "", tenant: try fields.string("tenant") ?? "",
      principals: try fields.strings("principals", countMax: 1000) ?? [],
      questionDigest: try fields.string("question_sha256") ?? "",
      documents: try fields.strings("documents", countMax: 10_000) ?? [], status: status)
  }
}
