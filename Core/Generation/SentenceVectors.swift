import Encoder
import Synchronization

/// Vectors of sentences that were embedded lately: questions about the same pages share their contexts, and embedding
/// a context costs more than all else in an answer.
///
/// Two generations: what is used is kept in the newer one, which becomes the older when it is full.
final class SentenceVectors: Sendable {
  /// Of 384 floats each: 12 MB a generation.
  private static let countMax = 8000

  private struct State {
    var newer: [String: [Float]] = [:]
    var older: [String: [Float]] = [:]
  }

  private let encoder: Encoder
  private let state = Mutex(State())

  init(_ encoder: Encoder) { self.encoder = encoder }

  /// - Returns: one unit vector per text, row-major.
  func vectors(of texts: [String]) async -> [Float] {
    // Kept here: what was found must not be evicted by another question while the rest is embedded.
    var known = state.withLock { state in
      var known: [String: [Float]] = [:]
      for text in texts {
        guard let vector = state.newer[text] ?? state.older[text] else { continue }
        known[text] = vector
        state.newer[text] = vector
      }
      return known
    }
    let unique = Array(Set(texts.filter { known[$0] == nil }))
    let made = await encoder.encode(unique)
    let dimension = encoder.dimension
    var fresh: [String: [Float]] = [:]
    for (row, text) in unique.enumerated() {
      fresh[text] = Array(made[row * dimension..<(row + 1) * dimension])
    }
    known.merge(fresh) { $1 }
    state.withLock { [fresh] state in
      if state.newer.count + fresh.count > Self.countMax {
        state.older = state.newer
        state.newer = [:]
      }
      state.newer.merge(fresh) { $1 }
    }
    return texts.flatMap { known[$0] ?? [] }
  }
}
