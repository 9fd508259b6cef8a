/// A record of `rag.searches`: a query and its vector.
package struct SearchRecord: Sendable, Equatable {
  package var flight: QueryInFlight
  /// 0 at first, and one more each time that the query is searched again: because a document changed, or because a
  /// shard may have left out one of the best chunks.
  package var round: UInt32 = 0
  package var model = ""
  /// One vector for each window of the query's text, one after another. Empty when the query is passed on without
  /// work.
  package var vector: [Float] = []
  /// The statistics with which all shards must weigh the query's terms; nil: each shard uses those that it knows.
  package var statistics: SharedStatistics?
  /// Whether the query's text is longer than its windows.
  package var isCut = false

  package init(flight: QueryInFlight) { self.flight = flight }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    writer.uint(1, PartHeader.formatCurrent)
    writer.message(2, WireQuery(flight))
    writer.uint(3, round)
    writer.string(4, model)
    writer.packed(5, vector)
    if let statistics { writer.message(6, statistics) }
    writer.bool(7, isCut)
    return writer.bytes
  }

  /// Reads only the round, without decoding the query and the vector.
  ///
  /// - Throws: `WireError` when the bytes are not a message.
  package static func round(wireBytes: [UInt8]) throws(WireError) -> UInt32 {
    var reader = WireReader(wireBytes[...])
    var round: UInt32 = 0
    while let field = try reader.nextField() {
      if field == 3 { round = try reader.uint32() } else { try reader.skip() }
    }
    return round
  }

  /// - Throws: `WireError` when the bytes are not a valid `Search` message of `millrace.proto`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var query = WireQuery()
    var round: UInt32 = 0
    var model = ""
    var vector: [Float] = []
    var statistics: SharedStatistics?
    var isCut = false
    while let field = try reader.nextField() {
      switch field {
      case 2: query = try reader.message(WireQuery.self)
      case 3: round = try reader.uint32()
      case 4: model = try reader.string()
      case 5: try reader.floats(into: &vector)
      case 6: statistics = try reader.message(SharedStatistics.self)
      case 7: isCut = try reader.bool()
      default: try reader.skip()
      }
    }
    self.init(flight: try query.flight())
    self.round = round
    self.model = model
    self.vector = vector
    self.statistics = statistics
    self.isCut = isCut
  }
}
