/// A record of `rag.vectors`: a part's chunks with their vectors, or a mark.
package struct VectorBatch: Sendable, Equatable {
  /// Vectors or a mark.
  package enum Content: Sendable, Equatable {
    /// `values` is row-major: one row of `dimension` values per chunk, each of unit length.
    case vectors(chunks: [Chunk], dimension: Int, values: [Float])
    case mark(Mark, operation: StatusRecord.Operation, error: RecordError?)
  }

  /// The upper limit, which is larger than the dimension of any model. It is needed because the index reserves memory
  /// for whole rows.
  package static let dimensionMax = 65_536

  package var header: PartHeader
  package var content: Content

  package init(header: PartHeader, content: Content) {
    self.header = header
    self.content = content
  }

  package var key: VectorKey {
    switch content {
    case .vectors: header.vectorKey
    case .mark(let mark, _, _):
      VectorKey(document: header.document.key, version: header.document.version, set: .mark(mark), part: 0)
    }
  }

  package var wireBytes: [UInt8] {
    var writer = WireWriter()
    switch content {
    case .vectors(let chunks, let dimension, let values):
      PartFields(header, chunks: chunks).write(to: &writer)
      writer.uint(10, UInt32(clamping: dimension))
      writer.packed(11, values)
    case .mark(let mark, let operation, let error):
      PartFields(header, chunks: []).write(to: &writer)
      writer.string(12, mark.rawValue)
      if let error { writer.message(13, WireFault(error)) }
      writer.bool(14, operation == .delete)
    }
    return writer.bytes
  }

  /// - Throws: `WireError` when the bytes are not a valid `VectorBatch` message, have a newer format or an
  ///   unknown mark, or when the vectors do not match the chunks.
  package init(wireBytes: [UInt8]) throws(WireError) {
    var reader = WireReader(wireBytes[...])
    var fields = PartFields()
    var dimension: UInt32 = 0
    var values: [Float] = []
    var markName = ""
    var fault: WireFault?
    var isDelete = false
    while let field = try reader.nextField() {
      if try fields.read(field, from: &reader) { continue }
      switch field {
      case 10: dimension = try reader.uint32()
      case 11: try reader.floats(into: &values)
      case 12: markName = try reader.string()
      case 13: fault = try reader.message(WireFault.self)
      case 14: isDelete = try reader.bool()
      default: try reader.skip()
      }
    }
    let header = try fields.header()
    guard markName.isEmpty else {
      guard let mark = Mark(rawValue: markName) else {
        throw WireError(position: 0, rule: "unknown mark '\(markName.prefix(32))'")
      }
      self.init(
        header: header, content: .mark(mark, operation: isDelete ? .delete : .put, error: fault?.error))
      return
    }
    let (expected, overflow) = Int(dimension).multipliedReportingOverflow(by: fields.chunks.count)
    guard !overflow, values.count == expected, (1...Self.dimensionMax).contains(Int(dimension)) else {
      throw WireError(
        position: 0,
        rule: "\(values.count) values for \(fields.chunks.count) chunks of dimension \(dimension)")
    }
    self.init(
      header: header, content: .vectors(chunks: fields.chunks, dimension: Int(dimension), values: values))
  }
}
