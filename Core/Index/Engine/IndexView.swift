import Records
import Segments
import Storage
import VectorMath

/// The segments and heads of one moment, for searches. Later writes don't change a view, and the files that it reads
/// stay open as long as it lives.
package struct IndexView: Sendable {
  /// A segment with the documents that were removed since it was written.
  package struct Part: Sendable {
    package let segment: Segment
    package let removed: Bitmap
    /// The same documents in the order in which they were removed.
    package let removals: [Int32]
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
      parts: [Part(segment: segment, removed: Bitmap(capacity: segment.documentCount), removals: [])],
      heads: [])
  }

  init(dimension: Int, parts: [Part], heads: [Head]) {
    self.dimension = dimension
    self.parts = parts
    self.heads = heads
  }

  /// The key of a row's document. `part` counts the segments first, then the heads.
  func key(_ part: Int, _ row: Int, _ tenant: TenantID) -> [UInt8] {
    if part >= parts.count {
      guard let head = heads[part - parts.count].tenants[tenant] else { return [] }
      return head.documents[Int(head.rowDocuments[row])].key
    }
    let segment = parts[part].segment
    return segment.key(of: segment.document(ofRow: row))
  }

  /// - Throws: `StorageError` with the code `.corrupt`.
  func match(_ part: Int, _ row: Int, _ tenant: TenantID, _ texts: inout TextBlocks) throws(StorageError)
    -> IndexMatch
  {
    if part >= parts.count {
      guard let head = heads[part - parts.count].tenants[tenant] else {
        preconditionFailure("a row of a head without its tenant")
      }
      let document = head.documents[Int(head.rowDocuments[row])]
      let chunk = row - document.firstRow
      var match = IndexMatch(
        document: document.facts.info, set: document.facts.set, chunk: document.chunks[chunk], score: 0)
      match.textHash = document.words[chunk].textHash
      return match
    }
    let segment = parts[part].segment
    let facts = try segment.properties(of: segment.document(ofRow: row))
    var match = IndexMatch(
      document: facts.info, set: facts.set, chunk: try segment.chunk(ofRow: row, &texts), score: 0)
    match.textHash = segment.textHash(ofRow: row)
    return match
  }

  /// The dot product of a row's vector and another of the same dimension.
  func score(_ part: Int, _ row: Int, _ tenant: TenantID, _ vector: [Float]) -> Float {
    if part >= parts.count {
      guard let head = heads[part - parts.count].tenants[tenant] else { return 0 }
      return Panels.dot(head.vector(ofRow: row, dimension: dimension), vector)
    }
    guard let rows = parts[part].segment.rows(of: tenant) else { return 0 }
    return parts[part].segment.score(ofRow: row, in: rows, vector)
  }
}
