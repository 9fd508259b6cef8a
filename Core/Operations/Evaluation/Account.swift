import Records

/// The counts of the ledger for documents or for queries.
package struct Account: Sendable {
  package let kind: String
  /// The terminal states: each with its name and its bit in the flags of a record.
  package let states: [(name: String, bit: UInt8)]
  package let stages: [String]
  package var accepted = 0
  package var finished: [String: Int] = [:]
  package var inFlight: [String: Int] = [:]
  /// Records whose terminal state was written more than once: allowed after a crash.
  package var repeats = 0
  /// Records with a later terminal state that differs from the first one. The first is the state for every reader.
  package var contradicted = 0
  package var lost = 0
  /// A few lost or contradicted records for a person to look at: the first ones by name, so that the same records are
  /// listed whatever the order and the number of the passes.
  package var examples: [String] = []
  private static let examplesMax = 10

  package var isBalanced: Bool { lost == 0 && contradicted == 0 }

  mutating func note(_ example: String) {
    let index = examples.firstIndex { example < $0 } ?? examples.endIndex
    guard index < Self.examplesMax else { return }
    examples.insert(example, at: index)
    if examples.count > Self.examplesMax { examples.removeLast() }
  }

  package var json: JSONValue {
    .object([
      "accepted": .int(accepted),
      "finished": .object(
        states.map { JSONMember(name: $0.name, value: .int(finished[$0.name] ?? 0)) }),
      "in_flight": .object(stages.map { JSONMember(name: $0, value: .int(inFlight[$0] ?? 0)) }),
      "repeats": .int(repeats), "lost": .int(lost), "contradicted": .int(contradicted),
      "examples": .array(examples.map(JSONValue.string)),
    ])
  }

  package var text: String {
    let ended = states.map { "\($0.name) \(finished[$0.name] ?? 0)" }.joined(separator: ", ")
    let waiting = stages.map { "\($0) \(inFlight[$0] ?? 0)" }.joined(separator: ", ")
    var lines = [
      "\(kind): \(accepted) accepted = \(ended); in flight: \(waiting); lost \(lost)",
      "  repeats \(repeats), contradicted \(contradicted)",
    ]
    lines += examples.map { "  look at \($0)" }
    return lines.joined(separator: "\n")
  }
}
