import Time

/// A record of `rag.candidates`: the best hits of one shard for one query.
package struct CandidatesRecord: Sendable, Equatable {
  package var flight: QueryInFlight
  package var round: UInt32 = 0
  package var shard: UInt32 = 0
  package var shardCount: UInt32 = 1
  /// The partitions of `rag.vectors` that this shard searched, out of `partitionTotal`.
  package var partitions: [Int32] = []
  package var partitionTotal: UInt32 = 0
  /// The hits of both lists, `dense` and `lexical`, each once.
  package var hits: [Hit] = []
  /// Positions in `hits`, by cosine, best first. A former release did not write this list; then it has all hits.
  package var dense: [Int32] = []
  /// Positions in `hits`, by BM25, best first.
  package var lexical: [Int32] = []
  /// Nil when words were not searched.
  package var words: LexicalCandidates?
  /// Whether a part of the query's text was not searched for.
  package var isCut = false
  package var behind = IndexBehind()
  package var model = ""
  package var vector: [Float] = []

  package init(flight: QueryInFlight) { self.flight = flight }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    writer.uint(1, PartHeader.formatCurrent)
    writer.message(2, WireQuery(flight))
    writer.uint(3, round)
    writer.uint(4, shard)
    writer.uint(5, shardCount)
    writer.packed(6, partitions)
    writer.uint(7, partitionTotal)
    for hit in hits { writer.message(8, WireHit(hit)) }
    writer.int(13, behind.records)
    writer.int(14, behind.milliseconds)
    writer.string(15, model)
    writer.packed(16, vector)
    writer.packed(17, dense)
    writer.packed(18, lexical)
    if let words { writer.message(19, words) }
    writer.bool(20, isCut)
    writer.bool(21, behind.hasMissedToken)
    return writer.bytes
  }

  /// - Throws: `WireError` when the bytes are not a valid `Candidates` message of `millrace.proto`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var query = WireQuery()
    var documents = DocumentReader()
    var result = CandidatesRecord(flight: QueryInFlight(query: .placeholder))
    while let field = try reader.nextField() {
      switch field {
      case 2: query = try reader.message(WireQuery.self)
      case 3: result.round = try reader.uint32()
      case 4: result.shard = try reader.uint32()
      // An absent field means 1. A 0 could not be written back, because zeros are left out on the wire.
      case 5: result.shardCount = max(1, try reader.uint32())
      case 6: try reader.int32s(into: &result.partitions)
      case 7: result.partitionTotal = try reader.uint32()
      case 8:
        let read = try reader.message(WireHit.self)
        result.hits.append(read.hit(try documents.info(read.documentBytes)))
      case 13: result.behind.records = try reader.int64()
      case 14: result.behind.milliseconds = try reader.int64()
      case 15: result.model = try reader.string()
      case 16: try reader.floats(into: &result.vector)
      case 17: try reader.int32s(into: &result.dense)
      case 18: try reader.int32s(into: &result.lexical)
      case 20: result.isCut = try reader.bool()
      case 21: result.behind.hasMissedToken = try reader.bool()
      case 19: result.words = try reader.message(LexicalCandidates.self)
      default: try reader.skip()
      }
    }
    result.flight = try query.flight()
    if result.dense.isEmpty, result.words == nil { result.dense = result.hits.indices.map { Int32($0) } }
    let hits = result.hits.indices
    guard result.dense.allSatisfy({ hits.contains(Int($0)) }),
      result.lexical.allSatisfy({ hits.contains(Int($0)) })
    else { throw WireError(position: 0, rule: "a list refers to a hit that is not there") }
    self = result
  }
}

extension QueryRecord {
  /// Stands for the query until the message's query field has been read.
  static var placeholder: QueryRecord { QueryRecord(id: .unread, text: "") }
}
