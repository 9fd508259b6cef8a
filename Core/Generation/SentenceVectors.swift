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
    let missing = state.withLock { state in
      texts.filter { text in
        if state.newer[text] != nil { return false }
        guard let known = state.older[text] else { return true }
        state.newer[text] = known
        return false
      }
    }
    let unique = Array(Set(missing))
    let made = await encoder.encode(unique)
    let dimension = encoder.dimension
    var fresh: [String: [Float]] = [:]
    for (row, text) in unique.enumerated() {
      fresh[text] = Array(made[row * dimension..<(row + 1) * dimension])
    }
    return state.withLock { state in
      if state.newer.count + fresh.count > Self.countMax {
        state.older = state.newer
        state.newer = [:]
      }
      state.newer.merge(fresh) { $1 }
      var result: [Float] = []
      result.reserveCapacity(texts.count * dimension)
      for text in texts { result += state.newer[text] ?? state.older[text] ?? fresh[text] ?? [] }
      return result
    }
  }
}
