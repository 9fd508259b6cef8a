import Records
import Segments

/// Decides which documents one query may find. In a segment, each access list is compared once for the query, and each
/// document's properties are read once for all queries with the same filter.
struct QueryReader {
  private let query: IndexQuery
  private let principals: Set<PrincipalHash>
  private var lists: [Int32: [Int: Bool]] = [:]
  private var memos: [Int32: FilterMemo] = [:]

  init(_ query: IndexQuery) {
    self.query = query
    principals = Set(query.principals.map(PrincipalHash.init))
  }

  private func mayRead(_ list: [PrincipalHash]) -> Bool { list.contains { principals.contains($0) } }

  private func matches(_ facts: DocumentFacts) -> Bool {
    query.filter.matches(facts.info.metadata)
  }

  mutating func maySee(_ document: HeadDocument) -> Bool {
    if let access = document.access, !mayRead(access) { return false }
    return !document.facts.info.isExpired(at: query.nowMilliseconds) && matches(document.facts)
  }

  /// - Throws: `StorageError` when the document's properties can't be read.
  mutating func maySee(_ document: Int, of segment: Segment, part: Int32) throws -> Bool {
    if let list = segment.accessList(of: document) {
      if let known = lists[part]?[list] {
        if !known { return false }
      } else {
        let may = mayRead(segment.principals(ofList: list))
        lists[part, default: [:]][list] = may
        if !may { return false }
      }
    }
    let expiry = segment.expiry(of: document)
    if expiry > 0, expiry <= query.nowMilliseconds { return false }
    if query.filter.isEverything { return true }
    let memo = memos[part] ?? segment.memo(of: query.filterText)
    memos[part] = memo
    if let known = memo.answer(for: document) { return known }
    let matches = matches(try segment.properties(of: document))
    memo.note(document, matches: matches)
    return matches
  }
}
