import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records

/// One side of the account.
struct Account: Sendable {
  let kind: String
  /// Names of terminal states, each with its bit.
  let states: [(name: String, bit: UInt8)]
  let stages: [String]
  var accepted = 0
  var finished: [String: Int] = [:]
  var inFlight: [String: Int] = [:]
  /// The same terminal state written again: allowed after a crash.
  var repeats = 0
  /// Two different terminal states of one.
  var differing = 0
  var lost = 0
  /// A few of those lost or differing, for the person who must look: the first by name, so that they are the
  /// same in whatever order, and in however many passes, they were found.
  var examples: [String] = []
  private static let examplesMax = 10

  var isBalanced: Bool { lost == 0 && differing == 0 }

  mutating func note(_ example: String) {
    let index = examples.firstIndex { example < $0 } ?? examples.endIndex
    guard index < Self.examplesMax else { return }
    examples.insert(example, at: index)
    if examples.count > Self.examplesMax { examples.removeLast() }
  }

  var json: JSONValue {
    .object([
      "accepted": .int(accepted),
      "finished": .object(
        states.map { JSONMember(name: $0.name, value: .int(finished[$0.name] ?? 0)) }),
      "in_flight": .object(stages.map { JSONMember(name: $0, value: .int(inFlight[$0] ?? 0)) }),
      "repeats": .int(repeats), "lost": .int(lost), "differing": .int(differing),
      "examples": .array(examples.map(JSONValue.string)),
    ])
  }

  var text: String {
    let ended = states.map { "\($0.name) \(finished[$0.name] ?? 0)" }.joined(separator: ", ")
    let waiting = stages.map { "\($0) \(inFlight[$0] ?? 0)" }.joined(separator: ", ")
    var lines = [
      "\(kind): \(accepted) accepted = \(ended); in flight: \(waiting); lost \(lost)",
      "  repeats \(repeats), differing \(differing)",
    ]
    lines += examples.map { "  look at \($0)" }
    return lines.joined(separator: "\n")
  }
}
