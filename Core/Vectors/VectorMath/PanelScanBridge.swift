internal import CKernels

/// Scores rows against the queries of one call. Used by one thread at a time.
@safe package final class PanelScan {
  /// The most panels of one scan. Callers raise the thresholds between scans.
  package static let panelsPerStep = 16
  /// With more queries than this, row-major rows are packed into a panel first.
  private static let directMax = 4

  private let queries: [Float]
  private let queryCount: Int
  private let dimension: Int
  private let padded: Int
  /// The queries, packed for the scan of each kind, by the kind's raw value.
  private let packed: [FloatBuffer]
  private let scratch: FloatBuffer
  private let panel: FloatBuffer
  private var rows: [Float] = []
  private let found: UnsafeMutablePointer<millrace_candidate>

  /// - Parameter queries: vectors of one dimension, row-major.
  package init(queries: [Float], dimension: Int) {
    precondition(dimension > 0 && queries.count % dimension == 0)
    self.queries = queries
    self.dimension = dimension
    queryCount = queries.count / dimension
    padded = dimension + dimension % 2
    scratch = FloatBuffer(count: millrace_scan_scratch(queryCount))
    panel = FloatBuffer(count: Panels.rows * padded)
    unsafe found = .allocate(capacity: max(1, queryCount * Self.panelsPerStep * Panels.rows))
    var wide = queries
    if padded != dimension {
      wide = []
      for query in 0..<queryCount {
        wide += queries[query * dimension..<(query + 1) * dimension]
        wide.append(0)
      }
    }
    var packed: [FloatBuffer] = []
    for kind in Panels.Kind.allCases {
      packed.append(FloatBuffer(count: queryCount * padded))
      unsafe millrace_pack_queries(
        Int32(kind.rawValue), wide, queryCount, padded, packed[packed.count - 1].base)
    }
    self.packed = packed
  }

  deinit { unsafe found.deallocate() }

  /// Scores the rows of at most `panelsPerStep` panels.
  ///
  /// - Parameters:
  ///   - thresholds: one for each query; lower scores are left out.
  ///   - body: receives the query's index, the row's index within all panels, and the score, in no particular order.
  package func scan(
    _ panels: Panels, from first: Int, count: Int, thresholds: [Float], _ body: (Int, Int, Float) -> Void
  ) {
    precondition(
      first >= 0 && count >= 0 && count <= Self.panelsPerStep && first + count <= panels.count
        && panels.dimension == padded && thresholds.count == queryCount)
    let start = panels.offset + first * Panels.byteCount(panels.kind, dimension: padded)
    let total = unsafe millrace_panel_scan(
      Int32(panels.kind.rawValue), panels.file.base + start, count, padded,
      packed[Int(panels.kind.rawValue)].base,
      queryCount,
      thresholds,
      scratch.base, found)
    for index in 0..<total {
      let candidate = unsafe found[index]
      body(Int(candidate.query), first * Panels.rows + Int(candidate.row), candidate.score)
    }
  }

  /// Scores row-major fp32 rows of a buffer.
  ///
  /// - Parameter body: receives the query's index, the row's index, counted from `offset`, and the score.
  package func scan(
    _ buffer: FloatBuffer, at offset: Int, rowCount: Int, thresholds: [Float],
    _ body: (Int, Int, Float) -> Void
  ) {
    precondition(offset >= 0 && offset + rowCount * dimension <= buffer.count)
    unsafe scan(buffer.base + offset, rowCount, thresholds, body)
  }

  /// Scores row-major fp32 rows of a file.
  package func scan(
    _ file: MappedFile, at offset: Int, rowCount: Int, thresholds: [Float],
    _ body: (Int, Int, Float) -> Void
  ) {
    precondition(
      offset >= 0 && offset % 4 == 0 && rowCount >= 0 && offset + rowCount * dimension * 4 <= file.byteCount)
    unsafe scan((file.base + offset).assumingMemoryBound(to: Float.self), rowCount, thresholds, body)
  }

  private func scan(
    _ base: UnsafePointer<Float>, _ rowCount: Int, _ thresholds: [Float], _ body: (Int, Int, Float) -> Void
  ) {
    precondition(thresholds.count == queryCount)
    var first = 0
    if queryCount > Self.directMax {
      while first + Panels.rows <= rowCount {
        unsafe millrace_panel_pack(
          Int32(Panels.Kind.fp32.rawValue), base + first * dimension, dimension, padded, panel.base)
        let total = unsafe millrace_panel_scan(
          Int32(Panels.Kind.fp32.rawValue), panel.base, 1, padded,
          packed[Int(Panels.Kind.fp32.rawValue)].base, queryCount, thresholds,
          scratch.base, found)
        for index in 0..<total {
          let candidate = unsafe found[index]
          body(Int(candidate.query), first + Int(candidate.row), candidate.score)
        }
        first += Panels.rows
      }
    }
    unsafe queries.withUnsafeBufferPointer { queries in
      guard let start = queries.baseAddress else { return }
      for row in first..<max(first, rowCount) {
        for query in 0..<queryCount {
          let score = unsafe millrace_dot(base + row * dimension, start + query * dimension, dimension)
          if score >= thresholds[query] { body(query, row, score) }
        }
      }
    }
  }
}
