/// A record of `rag.document-status`: a state of a document version.
package struct StatusRecord: Sendable, Equatable {
  /// The operation that the version stands for.
  package enum Operation: String, Sendable, CaseIterable { case put, delete }

  /// The document's id, or topic-partition-offset of a record that has no version.
  package var id: String
  package var tenant: String
  /// Nil for a record without a version (unusable key, wrong partition).
  package var version: Version?
  package var operation: Operation
  package var state: DocumentState
  package var chunks: UInt32
  package var error: RecordError?
  package var warnings: [String]
  /// The token for a query's `after`. Present with the states `indexed` and `deleted`.
  package var token: VectorsToken?
  /// The timestamp of the version's record, in milliseconds since 1970 by the broker's clock. Present with `accepted`.
  package var recordedAtMilliseconds: Int64?

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

  /// The document of the event; nil for a record without a version.
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
      "recorded_at_ms": recordedAtMilliseconds.map { .int($0) },
    ])
  }

  /// - Throws: `FieldError` when the value is not a JSON object, `id` or `state` is missing, or a field
  ///   breaks its rule.
  package init(value: [UInt8]) throws(FieldError) {
    let fields = try FieldReader.read(value)
    guard let id = try fields.string("id"), let state = try fields.choice("state", DocumentState.self) else {
      throw FieldError(.missingField, field: "id, state", value: "", rule: "must be present")
    }
    self.init(
      id: id, tenant: try fields.string("tenant") ?? "",
      version: try fields.string("version").flatMap { Version($0) },
      operation: try fields.choice("operation", Operation.self) ?? .put, state: state)
    chunks = UInt32(clamping: fields.object["chunks"]?.integerValue ?? 0)
    warnings = try fields.strings("warnings", countMax: 100) ?? []
    error = RecordError(json: fields.object["error"])
    token = try fields.string("token").flatMap { VectorsToken($0) }
    recordedAtMilliseconds = fields.object["recorded_at_ms"]?.integerValue
  }
}
