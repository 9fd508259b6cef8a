// swift-format-ignore-file: NeverForceUnwrap
import Catalog
import Engine
import Records
import TestSupport

/// Possible records of `rag.vectors`, and the documents that must be visible after each of them.
struct IndexHistory {
  struct Record {
    var key: VectorKey
    /// Nil for a tombstone.
    var batch: VectorBatch?
  }

  static let dimension = 5
  private(set) var records: [Record] = []
  private var random: SplitMix

  /// Puts, replacements, deletions, failures, late repeats and tombstones of a few documents of two tenants, in parts.
  init(seed: UInt64, length: Int) {
    random = SplitMix(state: seed)
    var newest: [DocumentKey: Int64] = [:]
    var keys: [DocumentKey: [VectorKey]] = [:]
    var offset: Int64 = 0
    while records.count < length {
      offset += 1
      let tenant = TenantID(Bool.random(using: &random) ? "a" : "a-b")!
      let key = DocumentKey(tenant: tenant, id: DocumentID("d\(Int.random(in: 0..<12, using: &random))")!)
      let first = records.count
      defer { for record in records[first...] { keys[key, default: []].append(record.key) } }
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        records.append(mark(key, offset, .deleted))
        // Sometimes all keys of the document are tombstoned, in log order. Then nothing is known about the document.
        if Bool.random(using: &random) {
          let dead = (keys[key] ?? []) + [records[first].key]
          for key in dead { records.append(Record(key: key, batch: nil)) }
        }
      case 1:
        records.append(mark(key, offset, [.failed, .dropped].randomElement(using: &random)!))
      case 2 where !records.isEmpty:
        // A late repeat, or a tombstone for a key of an older version.
        var record = records.randomElement(using: &random)!
        if let newest = newest[record.key.document], record.key.version.offset < newest,
          Bool.random(using: &random)
        {
          record.batch = nil
        }
        records.append(record)
      default:
        newest[key] = offset
        let parts = UInt32.random(in: 1...3, using: &random)
        for part in 0..<parts { records.append(vectors(key, offset, part, of: parts)) }
      }
    }
  }

  /// Puts of `count` documents; then the first one is deleted, its keys are tombstoned, and another document is put.
  init(forgetting count: Int) {
    random = SplitMix(state: 1)
    func key(_ number: Int) -> DocumentKey {
      DocumentKey(tenant: TenantID("a")!, id: DocumentID("d\(number)")!)
    }
    for number in 0..<count { records.append(vectors(key(number), Int64(number + 1), 0, of: 1)) }
    records.append(mark(key(0), Int64(count + 1), .deleted))
    let dead = [records[0].key, records[count].key]
    records.append(Record(key: dead[0], batch: nil))
    records.append(Record(key: dead[1], batch: nil))
    records.append(vectors(key(count), Int64(count + 2), 0, of: 1))
  }

  private mutating func mark(_ key: DocumentKey, _ offset: Int64, _ mark: Mark) -> Record {
    let header = PartHeader(document: DocumentInfo(key: key, version: Version(epoch: 1, offset: offset)))
    let batch = VectorBatch(header: header, content: .mark(mark, operation: .put, error: nil))
    return Record(key: batch.key, batch: batch)
  }

  private mutating func vectors(_ key: DocumentKey, _ offset: Int64, _ part: UInt32, of count: UInt32)
    -> Record
  {
    var info = DocumentInfo(key: key, version: Version(epoch: 1, offset: offset))
    info.title = "title \(offset)"
    if offset % 5 == 0 { info.acl = ["boss"] }
    var header = PartHeader(document: info)
    header.digest = [UInt8(truncatingIfNeeded: offset)]
    header.part = part
    header.partCount = count
    header.chunkCount = count * 2
    let chunks = (0..<2 as Range<UInt32>).map { number in
      var chunk = Chunk()
      chunk.number = part * 2 + number
      chunk.text = "\(key) \(offset) \(chunk.number)"
      return chunk
    }
    let values = (0..<2 * Self.dimension).map { _ in Float.random(in: -1...1, using: &random) }
    let batch = VectorBatch(
      header: header, content: .vectors(chunks: chunks, dimension: Self.dimension, values: values))
    return Record(key: batch.key, batch: batch)
  }

  /// The documents that are visible after the first `count` records, by the catalog's rules alone.
  func expected(after count: Int) -> [DocumentKey: IndexedDocument] {
    var catalog = DocumentCatalog()
    var shown: [DocumentKey: IndexedDocument] = [:]
    for record in records[..<count] {
      guard let batch = record.batch else {
        catalog.forget(record.key)
        continue
      }
      let change = catalog.apply(record.key, batch).change
      if change.remove != nil { shown[record.key.document] = nil }
      if let document = change.insert { shown[record.key.document] = document }
    }
    return shown
  }
}
