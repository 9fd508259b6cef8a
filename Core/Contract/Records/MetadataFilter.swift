/// Selects by their metadata the documents that a query may find.
///
/// JSON: an object of conditions, which must all hold. `{"site":"north"}` and `{"site":["north","south"]}` compare with
/// one or several values; `{"year":{"$gte":2020,"$lt":2024}}` compares with the operators of `MetadataTest`; `$and` and
/// `$or` hold arrays of such objects, `$not` holds one object. The language is a subset of MongoDB's query language,
/// with the same names and operators.
package indirect enum MetadataFilter: Sendable, Equatable {
  case all([MetadataFilter])
  case any([MetadataFilter])
  /// Also matches documents that lack the field.
  case not(MetadataFilter)
  case field(String, MetadataTest)

  /// The limit for all values together.
  package static let valuesMax = 1000
  package static let conditionsMax = 200
  package static let depthMax = 8

  /// Matches every document.
  package static let everything = MetadataFilter.all([])

  package var isEverything: Bool { self == .everything }

  package func matches(_ metadata: [String: MetadataValue]) -> Bool {
    switch self {
    case .all(let filters): filters.allSatisfy { $0.matches(metadata) }
    case .any(let filters): filters.contains { $0.matches(metadata) }
    case .not(let filter): !filter.matches(metadata)
    case .field(let name, let test): test.matches(metadata[name])
    }
  }

  /// The values by field name, if the filter only compares fields with values; nil when it has other conditions.
  package var equalities: [String: [MetadataValue]]? {
    guard case .all(let filters) = self else { return nil }
    var result: [String: [MetadataValue]] = [:]
    for filter in filters {
      guard case .field(let name, let test) = filter, let values = test.onlyValues, result[name] == nil else {
        return nil
      }
      result[name] = values
    }
    return result
  }

  /// Matches documents whose metadata has one of the values under each name.
  package init(equalities: [String: [MetadataValue]]) {
    self = .all(Self.ordered(equalities))
  }

  /// - Parameter field: the name in errors.
  /// - Throws: `FieldError` for the first part that breaks its rule.
  package init(json: JSONValue, field: String = "filter") throws(FieldError) {
    var size = (conditions: 0, values: 0)
    self = try Self.object(json, field, depth: 1, &size)
    if case .all = self {} else { self = .all([self]) }
    guard size.values <= Self.valuesMax, size.conditions <= Self.conditionsMax else {
      throw FieldError(
        .tooLong, field: field, value: "\(size.values) values in \(size.conditions) conditions",
        rule: "must have at most \(Self.valuesMax) values, and \(Self.conditionsMax) conditions")
    }
  }

  /// Reads a filter that `json` has written.
  ///
  /// - Throws: `FieldError` as the other initialiser does, but without limits on values and conditions.
  init(written json: JSONValue) throws(FieldError) {
    var size = (conditions: 0, values: 0)
    // Allow more levels than `init(json:)` does, because `json` adds levels: it writes mixed conditions as an array.
    self = try Self.object(json, "filter", depth: 1 - 2 * Self.depthMax, &size)
    if case .all = self {} else { self = .all([self]) }
  }

  /// - Returns: a filter in which no `all` directly contains another `all`, or exactly one condition.
  private static func object(
    _ json: JSONValue, _ field: String, depth: Int, _ size: inout (conditions: Int, values: Int)
  ) throws(FieldError) -> MetadataFilter {
    guard let members = json.members else {
      throw FieldError(
        .badType, field: field, value: json.text,
        rule: "must be an object of conditions, not \(json.typeName)")
    }
    guard depth <= depthMax else {
      throw FieldError(
        .tooLong, field: field, value: "\(depth) levels", rule: "must have at most \(depthMax) levels")
    }
    var filters: [MetadataFilter] = []
    for member in members {
      let name = "\(field).\(member.name)"
      switch member.name {
      case "$and": filters += try objects(member.value, name, depth: depth + 1, &size)
      case "$or": filters.append(.any(try objects(member.value, name, depth: depth + 1, &size)))
      case "$not": filters.append(.not(try object(member.value, name, depth: depth + 1, &size)))
      default:
        guard !member.name.hasPrefix("$") else {
          throw FieldError(
            .badValue, field: name, value: member.name, rule: "must be a field's name, $and, $or or $not")
        }
        filters += try MetadataTest.tests(member.value, field: name, &size.values)
          .map { $0.isNegated ? .not(.field(member.name, $0.test)) : .field(member.name, $0.test) }
      }
      size.conditions += 1
    }
    filters = filters.flatMap { filter in if case .all(let inner) = filter { inner } else { [filter] } }
    if let equalities = MetadataFilter.all(filters).equalities { filters = ordered(equalities) }
    return filters.count == 1 ? filters[0] : .all(filters)
  }

  private static func ordered(_ equalities: [String: [MetadataValue]]) -> [MetadataFilter] {
    equalities.sorted { $0.key < $1.key }.map { .field($0.key, MetadataTest(values: $0.value)) }
  }

  private static func objects(
    _ json: JSONValue, _ field: String, depth: Int, _ size: inout (conditions: Int, values: Int)
  ) throws(FieldError) -> [MetadataFilter] {
    guard let items = json.arrayValue, !items.isEmpty else {
      throw FieldError(
        .badType, field: field, value: json.text,
        rule: "must be an array of at least one object of conditions")
    }
    var filters: [MetadataFilter] = []
    for (number, item) in items.enumerated() {
      filters.append(try object(item, "\(field)[\(number)]", depth: depth, &size))
    }
    return filters
  }

  /// The filter as JSON. If it only compares fields with values, the fields are sorted by name; otherwise conditions
  /// stay in their order.
  package var json: JSONValue {
    switch self {
    case .all(let filters):
      if let equalities {
        return .object(
          equalities.sorted { $0.key < $1.key }.map {
            JSONMember(name: $0.key, value: .array($0.value.map(\.json)))
          })
      }
      return .object([JSONMember(name: "$and", value: .array(filters.map(\.json)))])
    case .any(let filters): return .object([JSONMember(name: "$or", value: .array(filters.map(\.json)))])
    case .not(let filter): return .object([JSONMember(name: "$not", value: filter.json)])
    case .field(let name, let test): return .object([JSONMember(name: name, value: test.json)])
    }
  }
}
