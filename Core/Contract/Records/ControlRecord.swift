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
