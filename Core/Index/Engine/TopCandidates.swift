/// The rows that may belong to a query's best, judged by scores that are off by at most `error`. Rows with the same
/// text count once.
///
/// When all rows were offered, at least `depth` different texts have rows with true scores of at least (k-th best
/// score of a text − error). So the best row of a text of the true best has an offered score of at least (k-th best
/// score − 2 × error). Those are kept.
struct TopCandidates {
  struct Candidate: Sendable {
    /// The index of the segment; heads follow the segments.
    var part: Int32
    var row: Int32
    var score: Float
    /// The same for rows with the same folded text.
    var text: UInt64
  }

  private let depth: Int
  private let margin: Float
  /// The best score of each of the best texts so far.
  private var best: [(text: UInt64, score: Float, copies: Int)] = []
  /// So many rows of a text are compared by their true scores; more can't change much.
  private static let copiesMax = 64
  /// The place of the lowest score in `best`.
  private var lowest = 0
  private var candidates: [Candidate] = []
  /// Whether rows with the same text had different scores.
  private(set) var hasUnequalCopies = false
  private var limit: Int
  /// Lower scores need not be offered.
  private(set) var threshold = -Float.infinity

  /// - Parameters:
  ///   - depth: at least 1.
  ///   - error: the largest difference between an offered and a true score.
  init(depth: Int, error: Float) {
    self.depth = depth
    margin = 2 * error
    limit = 8 * depth + 256
  }

  mutating func offer(_ candidate: Candidate) {
    guard candidate.score >= threshold else { return }
    if let known = best.firstIndex(where: { $0.text == candidate.text }) {
      if abs(candidate.score - best[known].score) > margin { hasUnequalCopies = true }
      // Another row of the text is better in any case.
      if candidate.score < best[known].score - margin { return }
      if best[known].copies >= Self.copiesMax, candidate.score <= best[known].score { return }
      best[known].copies += 1
      if candidate.score > best[known].score {
        best[known].score = candidate.score
        if known == lowest { findLowest() }
      }
    } else if best.count < depth {
      best.append((candidate.text, candidate.score, 1))
      findLowest()
    } else if candidate.score > best[lowest].score {
      best[lowest] = (candidate.text, candidate.score, 1)
      findLowest()
    }
    candidates.append(candidate)
    if best.count == depth { threshold = best[lowest].score - margin }
    if candidates.count > limit { prune() }
  }

  private mutating func findLowest() {
    lowest = 0
    for index in best.indices where best[index].score < best[lowest].score { lowest = index }
  }

  private mutating func prune() {
    let threshold = threshold
    candidates.removeAll { $0.score < threshold }
    // Of many equal scores none can leave: looking at them again and again would be quadratic.
    limit = max(8 * depth + 256, 2 * candidates.count)
  }

  /// The rows that may be among the best.
  var kept: [Candidate] { candidates.filter { $0.score >= threshold } }

  /// Takes over what another thread found among other rows.
  mutating func merge(_ other: TopCandidates) {
    for candidate in other.candidates { offer(candidate) }
    prune()
  }
}
