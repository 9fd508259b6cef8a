import Storage
import VectorMath

/// The tables of a segment's documents and tenants while it is written. A value.
struct SegmentTables {
  struct Tenant {
    var firstDocument: Int
    var firstRow: Int
    var documentCount = 0
    var rowCount = 0
    var nameBytes: Int

    /// One past the last row that has a place in a panel.
    var panelsEnd: Int { firstRow + rowCount / Panels.rows * Panels.rows }
  }

  private struct Document {
    var firstRow: Int
    var rowCount: Int
    var access: UInt32?
    var factsBytes: Int
    var expiry: Int64
    var keyBytes: Int
    var tenant: Int
    var hash: UInt64
  }

  private(set) var tenants: [Tenant] = []
  private(set) var rowCount = 0
  private(set) var isNewTenant = false
  private var documents: [Document] = []
  private var lists: [[PrincipalHash]] = []
  private var listNumbers: [[PrincipalHash]: UInt32] = [:]
  private var tenantName: [UInt8] = []

  mutating func add(_ source: any SegmentSource, _ document: Int) {
    let key = source.key(of: document)
    let name = Array(key[..<(key.firstIndex(of: UInt8(ascii: "/")) ?? key.count)])
    isNewTenant = tenants.isEmpty || name != tenantName
    if isNewTenant {
      tenantName = name
      tenants.append(Tenant(firstDocument: documents.count, firstRow: rowCount, nameBytes: name.count))
    }
    let count = source.rowCount(of: document)
    documents.append(
      Document(
        firstRow: rowCount, rowCount: count, access: source.access(of: document).map { number(of: $0) },
        factsBytes: source.facts(of: document).count, expiry: source.expiry(of: document),
        keyBytes: key.count,
        tenant: tenants.count - 1, hash: KeyHash.of(key)))
    rowCount += count
    tenants[tenants.count - 1].documentCount += 1
    tenants[tenants.count - 1].rowCount += count
  }

  private mutating func number(of list: [PrincipalHash]) -> UInt32 {
    if let known = listNumbers[list] { return known }
    let number = UInt32(lists.count)
    lists.append(list)
    listNumbers[list] = number
    return number
  }

  func documentBytes(everyone: UInt32) -> [UInt8] {
    var writer = ByteWriter()
    var (facts, keys) = (0, 0)
    for document in documents {
      writer.uint32(UInt32(document.firstRow))
      writer.uint32(UInt32(document.rowCount))
      writer.uint32(document.access ?? everyone)
      writer.uint32(UInt32(document.factsBytes))
      writer.uint64(UInt64(facts))
      writer.uint64(UInt64(bitPattern: document.expiry))
      writer.uint64(UInt64(keys))
      writer.uint32(UInt32(document.keyBytes))
      writer.uint32(UInt32(document.tenant))
      facts += document.factsBytes
      keys += document.keyBytes
    }
    return writer.bytes
  }

  var accessBytes: [UInt8] {
    var writer = ByteWriter()
    writer.uint32(UInt32(lists.count))
    var first = 0
    for list in lists {
      writer.uint32(UInt32(first))
      first += list.count
    }
    writer.uint32(UInt32(first))
    for list in lists {
      for hash in list {
        writer.uint64(hash.high)
        writer.uint64(hash.low)
      }
    }
    return writer.bytes
  }

  var hashBytes: [UInt8] {
    var writer = ByteWriter()
    let order = documents.indices.sorted { (documents[$0].hash, $0) < (documents[$1].hash, $1) }
    for document in order {
      writer.uint64(documents[document].hash)
      writer.uint32(UInt32(document))
    }
    return writer.bytes
  }

  func tenantBytes(_ kind: Panels.Kind) -> [UInt8] {
    var writer = ByteWriter()
    var (panel, tail) = (0, 0)
    for tenant in tenants {
      let panelCount = tenant.rowCount / Panels.rows
      // With bf16 panels, `vectors` holds all rows.
      let firstTail = kind == .fp32 ? tail : tenant.panelsEnd
      for number in [
        tenant.firstDocument, tenant.documentCount, tenant.firstRow, tenant.rowCount, panel, firstTail,
        tenant.nameBytes, 0,
      ] {
        writer.uint32(UInt32(number))
      }
      panel += panelCount
      tail += tenant.rowCount - panelCount * Panels.rows
    }
    return writer.bytes
  }
}
