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
    var pending: [String: Task<[String: [Float]], Never>] = [:]
  }

  private let encoder: Encoder
  private let state = Mutex(State())

  init(_ encoder: Encoder) { self.encoder = encoder }

  /// - Returns: one unit vector per text, row-major.
  func vectors(of texts: [String]) async -> [Float] {
    // Kept here: what was found must not be evicted by another question while the rest is embedded.
    var known: [String: [Float]] = [:]
    // What another question has embedded just now is waited for: those asked together share their contexts.
    let (fresh, others) = state.withLock { state in
      var missing: Set<String> = []
      var others: [Task<[String: [Float]], Never>] = []
      for text in texts where known[text] == nil {
        if let vector = state.newer[text] ?? state.older[text] {
          known[text] = vector
          state.newer[text] = vector
        } else if let task = state.pending[text] {
          if !others.contains(task) { others.append(task) }
        } else {
          missing.insert(text)
        }
      }
      guard !missing.isEmpty else { return (Task<[String: [Float]], Never>?.none, others) }
      let task = Task { [missing] in await self.embed(Array(missing)) }
      for text in missing { state.pending[text] = task }
      return (task, others)
    }
    for task in others + (fresh.map { [$0] } ?? []) { known.merge(await task.value) { first, _ in first } }
    return texts.flatMap { known[$0] ?? [] }
  }

  private func embed(_ texts: [String]) async -> [String: [Float]] {
    let made = await encoder.encode(texts)
    let dimension = encoder.dimension
    var fresh: [String: [Float]] = [:]
    for (row, text) in texts.enumerated() {
      fresh[text] = Array(made[row * dimension..<(row + 1) * dimension])
    }
    state.withLock { [fresh] state in
      if state.newer.count + fresh.count > Self.countMax {
        state.older = state.newer
        state.newer = [:]
      }
      state.newer.merge(fresh) { $1 }
      for text in texts { state.pending[text] = nil }
    }
    return fresh
  }
}
