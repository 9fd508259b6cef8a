import Dispatch
import Records
import Segments
import Storage
import Synchronization
import VectorMath

/// Finds the best rows of a view exactly: in the order of their fp32 dot products, even if the panels are in bf16.
///
/// Queries of one tenant share a scan, which touches the rows of that tenant only. Rows that may be among the best
/// according to the scan's scores are scored again from their fp32 vectors, in a fixed order of additions.
package enum ExactSearch {
  /// At most this many queries share a pass over the panels.
  private static let passMax = 64
  /// The scan adds in another order than `Panels.dot`. With 1,024 products, the two fp32 sums differ by less than this
  /// times the product of both vectors' lengths (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1:
  /// each sum is off by at most 1,024 × 2⁻²⁴).
  private static let summationError: Float = 1.3e-4
  /// Each thread gets about this many panels or more.
  private static let panelsPerThreadMin = 64

  /// Consecutive panels of a tenant in one part.
  private struct Stretch: Sendable {
    var part: Int
    var rows: Segment.TenantRows
    var panels: Range<Int>
    var hasTail: Bool
  }

  /// A row of the view. `part` counts the segments first, then the heads.
  package struct Row: Sendable {
    package var part: Int
    package var row: Int
    /// The dot product of the fp32 vectors.
    package var score: Float
    package var text: UInt64
  }

  /// - Parameter threads: at least 1.
  /// - Returns: for each query its best rows, best first; equal scores in the order of document id and chunk. Of rows
  ///   with the same folded text only the best one.
  /// - Throws: `StorageError` when a document's properties can't be read.
  package static func rows(_ view: IndexView, _ queries: [IndexQuery], threads: Int) throws -> [[Row]] {
    var results = [[Row]](repeating: [], count: queries.count)
    guard view.dimension > 0 else { return results }
    for (tenant, all) in Dictionary(grouping: queries.indices, by: { queries[$0].tenant }) {
      // A vector of another dimension finds nothing: it is another model's, or missing.
      let usable = all.filter { queries[$0].vector.count == view.dimension && queries[$0].depth > 0 }
      for start in stride(from: 0, to: usable.count, by: passMax) {
        let indices = Array(usable[start..<min(start + passMax, usable.count)])
        let tops = try scan(view, tenant, indices.map { queries[$0] }, threads)
        for (top, index) in zip(tops, indices) {
          results[index] = best(view, tenant, queries[index], top.kept)
        }
      }
    }
    return results
  }

  private static func scan(_ view: IndexView, _ tenant: TenantID, _ queries: [IndexQuery], _ threads: Int)
    throws -> [TopCandidates]
  {
    var stretches: [Stretch] = []
    var panelCount = 0
    for (part, content) in view.parts.enumerated() {
      guard let rows = content.segment.rows(of: tenant), rows.rowCount > 0 else { continue }
      panelCount += rows.panelCount
      stretches.append(Stretch(part: part, rows: rows, panels: 0..<rows.panelCount, hasTail: true))
    }
    // Only segments with rows of the tenant: the other segments must not widen the margin of error.
    let segments = stretches.map { view.parts[$0.part].segment }
    let summation = summationError * Float(max(1024, view.dimension)) / 1024 * IndexEngine.lengthMax
    let tops = queries.map { query in
      let length = query.vector.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
      // |q·x - q'·x'| <= |q| |x - x'| + |q - q'| |x'|, where q' and x' are what the scan multiplies.
      let rounding = Panels.Kind.allCases.map { Panels.queryError(query.vector, kind: $0) }
      let error = segments.reduce(Float(0)) { worst, segment in
        let query = rounding[Int(segment.kind.rawValue)]
        return max(worst, length * segment.roundingError + query * (segment.longest + segment.roundingError))
      }
      return TopCandidates(depth: query.depth, error: error + summation * length)
    }
    let crew = max(1, min(threads, panelCount / panelsPerThreadMin))
    let shares = divided(stretches, among: crew, panelCount)
    let outcomes = Mutex<[Result<[TopCandidates], any Error>]>([])
    @Sendable func work(_ share: Int) {
      let outcome = Result { () throws -> [TopCandidates] in
        var scan = TenantScan(view, queries, tops)
        for stretch in shares[share] {
          try scan.scan(stretch.part, stretch.rows, stretch.panels, hasTail: stretch.hasTail)
        }
        if share == 0 {
          for (number, head) in view.heads.enumerated() {
            if let rows = head.tenants[tenant] { scan.scan(rows, part: view.parts.count + number) }
          }
        }
        return scan.tops
      }
      outcomes.withLock { $0.append(outcome) }
    }
    if crew == 1 {
      work(0)
    } else {
      // Called on a thread of the index, never in Swift's pool, so blocking is allowed.
      DispatchQueue.concurrentPerform(iterations: crew) { work($0) }
    }
    var merged: [TopCandidates]?
    for outcome in outcomes.withLock({ $0 }) {
      let found = try outcome.get()
      guard var all = merged else {
        merged = found
        continue
      }
      for index in all.indices { all[index].merge(found[index]) }
      merged = all
    }
    return merged ?? []
  }

  /// Divides the panels into `crew` shares of nearly equal size.
  private static func divided(_ stretches: [Stretch], among crew: Int, _ panelCount: Int) -> [[Stretch]] {
    var shares = [[Stretch]](repeating: [], count: crew)
    let each = (panelCount + crew - 1) / crew
    var (share, room) = (0, each)
    for stretch in stretches {
      var first = stretch.panels.lowerBound
      while true {
        if room == 0, share + 1 < crew { (share, room) = (share + 1, each) }
        let isLast = share + 1 == crew
        let count = isLast ? stretch.panels.upperBound - first : min(room, stretch.panels.upperBound - first)
        let end = first + count
        let isEnd = end == stretch.panels.upperBound
        shares[share].append(
          Stretch(part: stretch.part, rows: stretch.rows, panels: first..<end, hasTail: isEnd))
        room = max(0, room - count)
        first = end
        if isEnd { break }
      }
    }
    return shares
  }

  /// The best of the candidates by their fp32 scores.
  private static func best(
    _ view: IndexView, _ tenant: TenantID, _ query: IndexQuery, _ candidates: [TopCandidates.Candidate]
  ) -> [Row] {
    let heads = view.heads.map { $0.tenants[tenant] }
    let places = view.parts.map { $0.segment.rows(of: tenant) }
    let scored = candidates.compactMap { candidate -> Row? in
      let (part, row) = (Int(candidate.part), Int(candidate.row))
      if part >= view.parts.count {
        guard let head = heads[part - view.parts.count] else { return nil }
        let vector = head.vector(ofRow: row, dimension: view.dimension)
        return Row(part: part, row: row, score: Panels.dot(vector, query.vector), text: candidate.text)
      }
      guard let place = places[part] else { return nil }
      let score = view.parts[part].segment.score(ofRow: row, in: place, query.vector)
      return Row(part: part, row: row, score: score, text: candidate.text)
    }
    return best(scored, view, tenant, depth: query.depth)
  }

  /// The best rows, best first. Of rows with the same text only the best one.
  static func best(_ rows: [Row], _ view: IndexView, _ tenant: TenantID, depth: Int) -> [Row] {
    var texts: Set<UInt64> = []
    let sorted = rows.sorted { a, b in
      if a.score != b.score { return a.score > b.score }
      // Keys are read for ties only.
      let (first, second) = (view.key(a.part, a.row, tenant), view.key(b.part, b.row, tenant))
      return first == second ? a.row < b.row : first.lexicographicallyPrecedes(second)
    }
    return Array(sorted.filter { texts.insert($0.text).inserted }.prefix(depth))
  }
}
