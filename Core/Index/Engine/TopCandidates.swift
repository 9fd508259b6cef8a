/// The rows that may be among a query's best, judged by scores that are off by at most `error`. Rows with the same text
/// count once.
///
/// Let s be the lowest of the `depth` best offered scores of different texts. When all rows were offered, at least
/// `depth` texts have true scores of at least s − error. So the texts of the true best have them, too, and their best
/// rows have offered scores of at least s − 2 × error. Rows with such scores are kept.
struct TopCandidates {
  struct Candidate: Sendable {
    /// The index of the segment; heads follow the segments.
    var part: Int32
    var row: Int32
    var score: Float
    /// The hash of the row's folded text.
    var text: UInt64
  }

  private let depth: Int
  private let margin: Float
  /// The best score of each of the best texts so far.
  private var best: [(text: UInt64, score: Float, copies: Int)] = []
  /// When this many rows of a text are kept, further ones need a higher score: the others can't change much.
  private static let copiesMax = 64
  /// The index of the lowest score in `best`.
  private var lowest = 0
  private var candidates: [Candidate] = []
  /// Whether rows with the same text had scores that differ by more than the error allows.
  private(set) var hasUnequalCopies = false
  private var limit: Int
  /// Rows with lower scores need not be offered.
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
      // Another row of the text has a higher true score in any case.
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
    // Many equal scores can't be pruned. Without a higher limit, each new one would cause a pass over all of them.
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
