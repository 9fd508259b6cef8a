import Analysis
import Catalog
import Lexical
import Records
import Segments
import VectorMath

/// Documents that are in memory, and in no segment yet. A value: a search works on a copy, which later changes do not
/// reach.
struct Head: Sendable {
  /// The rows of one tenant, in the order in which they were added.
  struct Tenant: Sendable {
    /// Rows are only appended, so a copy of this value can read its rows while more are written behind them. When the
    /// buffer is full, a larger one takes its place.
    fileprivate(set) var vectors: FloatBuffer
    fileprivate(set) var rowCount = 0
    fileprivate(set) var documents: [HeadDocument] = []
    /// For each row the index of its document.
    fileprivate(set) var rowDocuments: [Int32] = []
    fileprivate(set) var removed: Set<Int> = []
    fileprivate var places: [DocumentID: Int] = [:]

    func isLive(_ document: Int) -> Bool { !removed.contains(document) }

    func vector(ofRow row: Int, dimension: Int) -> [Float] {
      vectors.read(at: row * dimension, count: dimension)
    }
  }

  let dimension: Int
  /// The lexicon that numbers the terms of new documents.
  let lexicon: Lexicon
  private(set) var tenants: [TenantID: Tenant] = [:]
  /// The number of rows, removed ones included.
  private(set) var rowCount = 0
  private(set) var removedCount = 0
  private(set) var byteCount = 0
  private(set) var documentCount = 0

  init(dimension: Int, lexicon: Lexicon) {
    self.dimension = dimension
    self.lexicon = lexicon
  }

  /// - Precondition: no other version of the document is live here.
  mutating func insert(_ document: IndexedDocument) {
    guard !document.chunks.isEmpty else { return }
    precondition(document.vectors.count == document.chunks.count * dimension)
    let access = document.info.acl.map { Set($0.map { PrincipalHash(Principal($0)) }).sorted() }
    let first = tenants[document.info.key.tenant]?.rowCount ?? 0
    let language = Language(document.info.language)
    let words = lexicon.words(of: document.chunks, title: document.info.title, language: language)
    insert(
      HeadDocument(
        document, access: access, firstRow: first, language: language, words: words, lexicon: lexicon),
      document.vectors)
  }

  private mutating func insert(_ new: HeadDocument, _ vectors: [Float]) {
    let key = new.facts.info.key
    let count = new.chunks.count
    var tenant =
      tenants.removeValue(forKey: key.tenant) ?? Tenant(vectors: FloatBuffer(count: count * dimension))
    let needed = (tenant.rowCount + count) * dimension
    if needed > tenant.vectors.count {
      let larger = FloatBuffer(count: max(needed, tenant.vectors.count * 2))
      larger.copy(from: tenant.vectors, at: 0, to: 0, count: tenant.rowCount * dimension)
      tenant.vectors = larger
    }
    tenant.vectors.write(vectors, at: tenant.rowCount * dimension)
    tenant.places[key.id] = tenant.documents.count
    for _ in 0..<count { tenant.rowDocuments.append(Int32(tenant.documents.count)) }
    tenant.documents.append(new)
    tenant.rowCount += count
    tenants[key.tenant] = tenant
    rowCount += count
    documentCount += 1
    byteCount += new.byteCount + count * dimension * 4
  }

  /// - Returns: how many rows were removed; nil when the head holds no live document of that set.
  mutating func remove(_ key: DocumentKey, _ set: SetID) -> Int? {
    guard let place = tenants[key.tenant]?.places[key.id],
      let document = tenants[key.tenant]?.documents[place], document.facts.set == set
    else { return nil }
    tenants[key.tenant]?.places[key.id] = nil
    tenants[key.tenant]?.removed.insert(place)
    removedCount += document.chunks.count
    return document.chunks.count
  }

  /// Adds the live documents of a newer head.
  mutating func absorb(_ other: Head) {
    for tenant in other.tenants.values {
      for index in tenant.documents.indices where tenant.isLive(index) {
        let document = tenant.documents[index]
        let count = document.chunks.count
        insert(
          HeadDocument(document, firstRow: tenants[document.facts.info.key.tenant]?.rowCount ?? 0),
          tenant.vectors.read(at: document.firstRow * dimension, count: count * dimension))
      }
    }
  }
}
