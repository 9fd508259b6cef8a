import Encoder
import Synchronization

/// Caches the vectors of sentences that were embedded recently. Questions about the same pages share their
/// contexts, and embedding a context takes longer than everything else in a quoted answer.
///
/// There are two generations. A vector that is used goes to the newer one, which replaces the older one when
/// it is full.
final class SentenceVectors: Sendable {
  /// A generation with this many vectors is full: 12 MB at 384 floats each.
  private static let countMax = 8000

  private struct State {
    var newer: [String: [Float]] = [:]
    var older: [String: [Float]] = [:]
    var pending: [String: Flight] = [:]
  }

  private let encoder: Encoder
  private let state = Mutex(State())

  init(_ encoder: Encoder) { self.encoder = encoder }

  /// - Returns: one unit vector per text, row-major.
  func vectors(of texts: [String]) async -> [Float] {
    // Found vectors are copied, because another question may evict them while the missing ones are embedded.
    var known: [String: [Float]] = [:]
    // Wait for sentences that another question is already embedding instead of embedding them again: questions
    // that are asked at the same time often share their contexts.
    let (missing, mine, others) = state.withLock { state in
      var missing: [String] = []
      var others: [Flight] = []
      let mine = Flight()
      for text in texts where known[text] == nil {
        if let vector = state.newer[text] ?? state.older[text] {
          known[text] = vector
          state.newer[text] = vector
        } else if let flight = state.pending[text] {
          if flight !== mine, !others.contains(where: { $0 === flight }) { others.append(flight) }
        } else {
          missing.append(text)
          state.pending[text] = mine
        }
      }
      return (missing, mine, others)
    }
    if !missing.isEmpty {
      let fresh = await embed(missing)
      mine.land(fresh)
      known.merge(fresh) { $1 }
    }
    for flight in others { known.merge(await flight.vectors()) { first, _ in first } }
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

/// Sentences that one question embeds and that other questions wait for.
private final class Flight: Sendable {
  private struct State {
    var vectors: [String: [Float]]?
    var waiters: [CheckedContinuation<[String: [Float]], Never>] = []
  }
  private let state = Mutex(State())

  func land(_ vectors: [String: [Float]]) {
    let waiters = state.withLock { state in
      state.vectors = vectors
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(returning: vectors) }
  }

  func vectors() async -> [String: [Float]] {
    await withCheckedContinuation { continuation in
      let landed = state.withLock { state in
        if state.vectors == nil { state.waiters.append(continuation) }
        return state.vectors
      }
      if let landed { continuation.resume(returning: landed) }
    }
  }
}
