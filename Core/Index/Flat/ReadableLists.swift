import Records

/// Which lists one query may read. Each is compared once, however many rows it has.
struct ReadableLists {
  private let principals: Set<Principal>
  private var known: [ObjectIdentifier: Bool] = [:]

  init(_ principals: Set<Principal>) { self.principals = principals }

  mutating func contains(_ list: AccessList) -> Bool {
    if let answer = known[ObjectIdentifier(list)] { return answer }
    let answer =
      list.principals.count < principals.count
      ? list.principals.contains(where: principals.contains)
      : principals.contains(where: list.principals.contains)
    known[ObjectIdentifier(list)] = answer
    return answer
  }
}
