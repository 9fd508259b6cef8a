import Segments

/// A segment of the engine, with the documents that were removed from it.
struct LivePart: Sendable {
  let segment: Segment
  private(set) var removed: Bitmap
  private(set) var removedRows = 0
  /// The removed documents: first those read from a file, by number, then the others in the order of removal.
  private(set) var removals: [Int32] = []
  /// The number of the file that holds this bitmap; nil when nothing was removed or the bitmap has changed since.
  private(set) var savedAs: Int?

  init(_ segment: Segment) {
    self.segment = segment
    removed = Bitmap(capacity: segment.documentCount)
  }

  init(_ segment: Segment, removed: Bitmap, savedAs: Int) {
    self.segment = segment
    self.removed = removed
    self.savedAs = savedAs
    for document in 0..<segment.documentCount where removed.contains(document) {
      removedRows += segment.rowCount(of: document)
      removals.append(Int32(document))
    }
  }

  var liveRows: Int { segment.rowCount - removedRows }
  var isSaved: Bool { savedAs != nil || removed.count == 0 }

  mutating func remove(_ document: Int) {
    guard removed.insert(document) else { return }
    removedRows += segment.rowCount(of: document)
    removals.append(Int32(document))
    savedAs = nil
  }

  /// Notes that the bitmap was stored, unless more documents were removed since.
  ///
  /// - Parameter count: how many documents the stored bitmap names.
  mutating func save(as number: Int, count: Int) { if removed.count == count { savedAs = number } }
}
