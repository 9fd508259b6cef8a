import Records
import Segments
import VectorMath

/// The live documents of a head, in the order of their keys.
struct HeadSource: SegmentSource {
  private let documents: [(document: HeadDocument, vectors: FloatBuffer)]
  private let dimension: Int

  /// - Parameter now: milliseconds since 1970. Documents that have expired are left out.
  init(_ head: Head, now: Int64) {
    dimension = head.dimension
    documents = head.tenants.values.flatMap { tenant in
      tenant.documents.indices.lazy.filter { tenant.isLive($0) }.map {
        (tenant.documents[$0], tenant.vectors)
      }
    }.filter { !$0.document.facts.info.isExpired(at: now) }
      .sorted { $0.document.key.lexicographicallyPrecedes($1.document.key) }
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
}
