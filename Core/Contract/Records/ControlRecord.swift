/// A record of `rag.control`: the request to cancel a query. No stage reads it yet.
package struct ControlRecord: Sendable, Equatable {
  /// The actions that can be requested.
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

  /// - Throws: `FieldError` when the value is not a JSON object, `id` or `action` is missing, or a field
  ///   breaks its rule.
  package init(value: [UInt8]) throws(FieldError) {
    let fields = try FieldReader.read(value)
    guard let text = try fields.string("id", bytesMax: .max), let id = QueryID(text) else {
      throw FieldError(.badID, field: "id", value: fields.object["id"]?.text ?? "", rule: QueryID.rule)
    }
    guard let action = try fields.choice("action", Action.self) else {
      throw FieldError(.missingField, field: "action", value: "", rule: "must be present")
    }
    self.init(id: id, tenant: try fields.tenant(), action: action)
  }
}
