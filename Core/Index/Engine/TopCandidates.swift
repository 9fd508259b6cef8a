/// The rows that may belong to a query's best, judged by scores that are off by at most `error`.
///
/// When all rows were offered, at least `depth` of them have true scores of at least (k-th best score − error). So a
/// row of the true best has an offered score of at least (k-th best score − 2 × error). Those are kept.
struct TopCandidates {
  struct Candidate: Sendable {
    /// The index of the segment; heads follow the segments.
    var part: Int32
    var row: Int32
    var score: Float
  }

  private let depth: Int
  private let margin: Float
  /// The best scores so far as a heap, the lowest first.
  private var best: [Float] = []
  private(set) var candidates: [Candidate] = []
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
    candidates.append(candidate)
    if best.count < depth {
      best.append(candidate.score)
      siftUp()
    } else if candidate.score > best[0] {
      best[0] = candidate.score
      siftDown()
    }
    if best.count == depth { threshold = best[0] - margin }
    if candidates.count > limit { prune() }
  }

  private mutating func siftUp() {
    var child = best.count - 1
    while child > 0, best[(child - 1) / 2] > best[child] {
      best.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func siftDown() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < best.count && best[child] < best[least] {
        least = child
      }
      if least == parent { return }
      best.swapAt(parent, least)
      parent = least
    }
  }

  private mutating func prune() {
    let threshold = threshold
    candidates.removeAll { $0.score < threshold }
    // Of many equal scores none can leave: looking at them again and again would be quadratic.
    limit = max(8 * depth + 256, 2 * candidates.count)
  }

  /// Takes over what another thread found among other rows.
  mutating func merge(_ other: TopCandidates) {
    for candidate in other.candidates { offer(candidate) }
    prune()
  }
}
