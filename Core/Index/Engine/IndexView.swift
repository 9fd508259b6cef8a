import Segments

/// What one search works on: the segments and heads of one moment. Later writes don't reach it, and the files that it
/// reads stay open as long as it lives.
package struct IndexView: Sendable {
  /// A segment with the documents that were removed since it was written.
  package struct Part: Sendable {
    package let segment: Segment
    package let removed: Bitmap
  }

  package let dimension: Int
  package let parts: [Part]
  let heads: [Head]

  /// An index without documents.
  package init() { self.init(dimension: 0, parts: [], heads: []) }

  /// All documents of one segment.
  package init(of segment: Segment) {
    self.init(
      dimension: segment.dimension,
      parts: [Part(segment: segment, removed: Bitmap(capacity: segment.documentCount))], heads: [])
  }

  init(dimension: Int, parts: [Part], heads: [Head]) {
    self.dimension = dimension
    self.parts = parts
    self.heads = heads
  }
}
