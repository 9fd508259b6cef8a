/// Documents that go into a new segment: those of a head, or of an older segment. Documents are in the order of their
/// keys' bytes, and each key occurs once.
package protocol SegmentSource: Sendable {
  var documentCount: Int { get }
  /// `tenant/id`.
  func key(of document: Int) -> [UInt8]
  func rowCount(of document: Int) -> Int
  func appendVectors(of document: Int, to values: inout [Float])
  /// The document's properties as a segment stores them (`DocumentFacts`).
  func facts(of document: Int) -> [UInt8]
  /// Who may read it, in order; nil for the whole tenant.
  func access(of document: Int) -> [PrincipalHash]?
  /// Milliseconds since 1970; 0 for never.
  func expiry(of document: Int) -> Int64
  /// The chunks of the document as `Chunk` messages.
  ///
  /// - Throws: `StorageError` when the stored text can't be read.
  func chunks(of document: Int) throws -> [[UInt8]]
}
