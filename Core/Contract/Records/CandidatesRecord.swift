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
  package var dense: [Hit] = []
  package var lexical: [Hit] = []
  package var terms: [TermStatistics] = []
  package var lexicalChunks: UInt64 = 0
  package var lexicalMeanLength: Double = 0
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
    writer.messages(8, dense.map(WireHit.init))
    writer.messages(9, lexical.map(WireHit.init))
    writer.messages(10, terms)
    writer.uint(11, lexicalChunks)
    writer.double(12, lexicalMeanLength)
    writer.int(13, behind.records)
    writer.int(14, behind.milliseconds)
    writer.string(15, model)
    writer.packed(16, vector)
    return writer.bytes
  }

  /// - Throws: `WireError` when the bytes are not a valid `Candidates` message of `millrace.proto`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var query = WireQuery()
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
      case 8: result.dense.append(try reader.message(WireHit.self).hit())
      case 9: result.lexical.append(try reader.message(WireHit.self).hit())
      case 10: result.terms.append(try reader.message(TermStatistics.self))
      case 11: result.lexicalChunks = try reader.uint64()
      case 12: result.lexicalMeanLength = try reader.double()
      case 13: result.behind.records = try reader.int64()
      case 14: result.behind.milliseconds = try reader.int64()
      case 15: result.model = try reader.string()
      case 16: try reader.floats(into: &result.vector)
      default: try reader.skip()
      }
    }
    result.flight = try query.flight()
    self = result
  }
}

extension QueryRecord {
  /// Stands for the query until the message's query field has been read.
  static var placeholder: QueryRecord { QueryRecord(id: .unread, text: "") }
}
