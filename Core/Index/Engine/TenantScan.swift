import Segments
import VectorMath

/// One thread's pass over rows of a tenant, for some queries.
struct TenantScan {
  private let view: IndexView
  private let scan: PanelScan
  private var readers: [QueryReader]
  private(set) var tops: [TopCandidates]
  private var thresholds: [Float]

  init(_ view: IndexView, _ queries: [IndexQuery], _ tops: [TopCandidates]) {
    self.view = view
    scan = PanelScan(queries: queries.flatMap(\.vector), dimension: view.dimension)
    readers = queries.map(QueryReader.init)
    self.tops = tops
    thresholds = tops.map(\.threshold)
  }

  /// - Throws: `StorageError` when a document's properties can't be read.
  mutating func scan(_ part: Int, _ rows: Segment.TenantRows, _ panels: Range<Int>, hasTail: Bool) throws {
    let content = view.parts[part]
    var found: [(query: Int, row: Int, score: Float)] = []
    var next = panels.lowerBound
    // Few panels at first: without a threshold every row is a candidate.
    var step = thresholds.contains(-.infinity) ? 1 : PanelScan.panelsPerStep
    while next < panels.upperBound {
      let count = min(step, panels.upperBound - next)
      step = min(2 * step, PanelScan.panelsPerStep)
      found.removeAll(keepingCapacity: true)
      let start = rows.firstRow - rows.firstPanel * Panels.rows
      scan.scan(content.segment.panels, from: rows.firstPanel + next, count: count, thresholds: thresholds) {
        found.append(($0, start + $1, $2))
      }
      try offer(found, part, content)
      next += count
    }
    guard hasTail, rows.tailCount > 0 else { return }
    found.removeAll(keepingCapacity: true)
    content.segment.scanTail(rows, with: scan, thresholds: thresholds) { found.append(($0, $1, $2)) }
    try offer(found, part, content)
  }

  private mutating func offer(
    _ found: [(query: Int, row: Int, score: Float)], _ part: Int, _ content: IndexView.Part
  ) throws {
    for (query, row, score) in found where score >= tops[query].threshold {
      let document = content.segment.document(ofRow: row)
      guard !content.removed.contains(document),
        try readers[query].maySee(document, of: content.segment, part: Int32(part))
      else { continue }
      let text = content.segment.textHash(ofRow: row)
      tops[query].offer(TopCandidates.Candidate(part: Int32(part), row: Int32(row), score: score, text: text))
    }
    for query in tops.indices { thresholds[query] = tops[query].threshold }
  }

  mutating func scan(_ rows: Head.Tenant, part: Int) {
    var first = 0
    let dimension = view.dimension
    var step = thresholds.contains(-.infinity) ? 1 : PanelScan.panelsPerStep
    while first < rows.rowCount {
      let count = min(step * Panels.rows, rows.rowCount - first)
      step = min(2 * step, PanelScan.panelsPerStep)
      var found: [(query: Int, row: Int, score: Float)] = []
      scan.scan(rows.vectors, at: first * dimension, rowCount: count, thresholds: thresholds) {
        found.append(($0, first + $1, $2))
      }
      for (query, row, score) in found where score >= tops[query].threshold {
        let number = Int(rows.rowDocuments[row])
        let document = rows.documents[number]
        guard rows.isLive(number), readers[query].maySee(document) else { continue }
        let text = document.words[row - document.firstRow].textHash
        tops[query].offer(
          TopCandidates.Candidate(part: Int32(part), row: Int32(row), score: score, text: text))
      }
      for query in tops.indices { thresholds[query] = tops[query].threshold }
      first += count
    }
  }
}
