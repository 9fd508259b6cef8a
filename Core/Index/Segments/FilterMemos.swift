/// The memos of the filters that were used last. A value.
struct FilterMemos: Sendable {
  /// Each memo takes two bits for each document of the segment.
  private static let countMax = 16

  /// In the order of their last use, the latest one last.
  private var memos: [(filter: String, memo: FilterMemo)] = []

  mutating func memo(of filter: String, documentCount: Int) -> FilterMemo {
    if let place = memos.firstIndex(where: { $0.filter == filter }) {
      let found = memos.remove(at: place)
      memos.append(found)
      return found.memo
    }
    if memos.count == Self.countMax { memos.removeFirst() }
    let new = FilterMemo(documentCount: documentCount)
    memos.append((filter, new))
    return new
  }
}
