import Analysis
import Lexical
import Storage

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
  /// The hashes of the principals that may read the document, in order; nil when the whole tenant may.
  func access(of document: Int) -> [PrincipalHash]?
  /// When the document expires, in milliseconds since 1970; 0 for never.
  func expiry(of document: Int) -> Int64
  /// The chunks of the document as `Chunk` messages.
  ///
  /// - Throws: `StorageError` when the stored text can't be read.
  func chunks(of document: Int) throws -> [[UInt8]]
  func language(of document: Int) -> Language
  /// The number of all rows of the source.
  var rowTotal: Int { get }
  /// The number of the document's first row among all rows of the source.
  func firstRow(of document: Int) -> Int
  /// The number of terms in each field of a row, and the hash of its folded text.
  func words(ofRow row: Int) -> (lengths: FieldLengths, textHash: UInt64)
  /// The terms of all rows that the source has of the document's tenant, in a segment also those of removed rows. Rows
  /// are numbered as in `firstRow`.
  ///
  /// - Throws: `StorageError` when what is stored can't be read.
  func terms(ofTenantOf document: Int) throws(StorageError) -> [any TermStream]
}
