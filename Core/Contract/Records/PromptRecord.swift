import Time

/// A record of `rag.prompts`: a query and its assembled context.
package struct PromptRecord: Sendable, Equatable {
  package var flight: QueryInFlight
  package var round: UInt32 = 0
  package var model = ""
  package var vector: [Float] = []
  package var context: [ContextItem] = []
  package var shardsAnswered: UInt32 = 0
  package var shardsTotal: UInt32 = 0
  package var behind = IndexBehind()
  package var staleOmitted: UInt32 = 0
  /// Whether a part of the query's text was not searched for.
  package var isCut = false

  package init(flight: QueryInFlight) { self.flight = flight }

  /// Reads only the round, without decoding the query and the context.
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

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    writer.uint(1, PartHeader.formatCurrent)
    writer.message(2, WireQuery(flight))
    writer.uint(3, round)
    writer.string(4, model)
    writer.packed(5, vector)
    writer.messages(6, context.map(WireContextItem.init))
    writer.uint(7, shardsAnswered)
    writer.uint(8, shardsTotal)
    writer.int(9, behind.records)
    writer.int(10, behind.milliseconds)
    writer.uint(11, staleOmitted)
    writer.bool(12, isCut)
    writer.bool(13, behind.hasMissedToken)
    return writer.bytes
  }

  /// - Throws: `WireError` when the bytes are not a valid `Prompt` message of `millrace.proto`.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var query = WireQuery()
    var result = PromptRecord(flight: QueryInFlight(query: .placeholder))
    while let field = try reader.nextField() {
      switch field {
      case 2: query = try reader.message(WireQuery.self)
      case 3: result.round = try reader.uint32()
      case 4: result.model = try reader.string()
      case 5: try reader.floats(into: &result.vector)
      case 6: result.context.append(try reader.message(WireContextItem.self).item())
      case 7: result.shardsAnswered = try reader.uint32()
      case 8: result.shardsTotal = try reader.uint32()
      case 9: result.behind.records = try reader.int64()
      case 10: result.behind.milliseconds = try reader.int64()
      case 11: result.staleOmitted = try reader.uint32()
      case 12: result.isCut = try reader.bool()
      case 13: result.behind.hasMissedToken = try reader.bool()
      default: try reader.skip()
      }
    }
    result.flight = try query.flight()
    self = result
  }
}
