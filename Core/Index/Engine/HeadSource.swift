import Analysis
import Lexical
import Records
import Segments
import Storage
import VectorMath

/// The live documents of a head, in the order of their keys.
struct HeadSource: SegmentSource {
  private let documents: [(document: HeadDocument, vectors: FloatBuffer)]
  private let dimension: Int
  /// For each document the number of its first row; then the number of all rows.
  private let firstRows: [Int]
  /// For each row the index of its document.
  private let rowDocuments: [Int32]

  /// - Parameter now: milliseconds since 1970. Documents that have expired are left out.
  init(_ head: Head, now: Int64) {
    dimension = head.dimension
    documents = head.tenants.values.flatMap { tenant in
      tenant.documents.indices.lazy.filter { tenant.isLive($0) }.map {
        (tenant.documents[$0], tenant.vectors)
      }
    }.filter { !$0.document.facts.info.isExpired(at: now) }
      .sorted { $0.document.key.lexicographicallyPrecedes($1.document.key) }
    firstRows = documents.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.document.chunks.count) }
    rowDocuments = documents.enumerated().flatMap { index, entry in
      [Int32](repeating: Int32(index), count: entry.document.chunks.count)
    }
  }

  var documentCount: Int { documents.count }
  func key(of document: Int) -> [UInt8] { documents[document].document.key }
  func rowCount(of document: Int) -> Int { documents[document].document.chunks.count }

  func appendVectors(of document: Int, to values: inout [Float]) {
    let (document, vectors) = documents[document]
    values += vectors.read(at: document.firstRow * dimension, count: document.chunks.count * dimension)
  }

  func facts(of document: Int) -> [UInt8] { documents[document].document.facts.bytes }
  func access(of document: Int) -> [PrincipalHash]? { documents[document].document.access }
  func expiry(of document: Int) -> Int64 { documents[document].document.facts.info.expiresAtMilliseconds }
  func chunks(of document: Int) -> [[UInt8]] { documents[document].document.chunks.map(\.messageBytes) }
  func language(of document: Int) -> Language { documents[document].document.language }
  var rowTotal: Int { rowDocuments.count }
  func firstRow(of document: Int) -> Int { firstRows[document] }

  func words(ofRow row: Int) -> (lengths: FieldLengths, textHash: UInt64) {
    let document = Int(rowDocuments[row])
    let words = documents[document].document.words[row - firstRows[document]]
    return (words.lengths, words.textHash)
  }

  func terms(ofTenantOf document: Int) throws(StorageError) -> [any TermStream] {
    let tenant = documents[document].document.facts.info.key.tenant
    // Documents of one tenant lie beside each other.
    func isOfTenant(_ index: Int) -> Bool { documents[index].document.facts.info.key.tenant == tenant }
    var first = document
    while first > 0, isOfTenant(first - 1) { first -= 1 }
    var lexicons: [(lexicon: Lexicon, rows: [(row: UInt32, words: RowWords)])] = []
    for index in first..<documents.count {
      guard isOfTenant(index) else { break }
      let document = documents[index].document
      let place = lexicons.firstIndex { $0.lexicon === document.lexicon } ?? lexicons.count
      if place == lexicons.count { lexicons.append((document.lexicon, [])) }
      for (chunk, words) in document.words.enumerated() {
        lexicons[place].rows.append((UInt32(firstRows[index] + chunk), words))
      }
    }
    return lexicons.map { RowTermStream($0.rows, $0.lexicon) }
  }
}
