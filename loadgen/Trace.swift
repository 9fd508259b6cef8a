import CommandLine
import Foundation
import Records

/// A recorded trace: the times of queries, with questions from a file.
struct Trace {
  struct Arrival {
    /// Seconds since the first arrival.
    var at: Double
    var question: String
  }

  let arrivals: [Arrival]

  /// - Parameters:
  ///   - path: JSON lines with `timestamp_ms` and, optionally, `question_id`.
  ///   - questions: JSON lines with `id` and `question` (or `text`).
  /// - Throws: `UsageError` naming the file, the line and the rule.
  init(path: String, questions: String) throws {
    var texts: [String: String] = [:]
    var order: [String] = []
    for (number, line) in try Self.lines(questions) {
      guard let text = line["question"]?.stringValue ?? line["text"]?.stringValue else {
        throw UsageError("\(questions):\(number): `question` or `text` must be a string")
      }
      order.append(text)
      if let id = line["id"]?.stringValue { texts[id] = text }
    }
    guard !order.isEmpty else { throw UsageError("\(questions): holds no question") }
    var arrivals: [Arrival] = []
    var first: Double?
    for (number, line) in try Self.lines(path) {
      guard let time = line["timestamp_ms"]?.doubleValue else {
        throw UsageError("\(path):\(number): `timestamp_ms` must be a number")
      }
      guard (0...1e15).contains(time) else {
        throw UsageError("\(path):\(number): `timestamp_ms` \(time) must be from 0 to 1e15")
      }
      let start = first ?? time
      first = start
      var question = order[arrivals.count % order.count]
      if let id = line["question_id"]?.stringValue {
        guard let known = texts[id] else {
          throw UsageError("\(path):\(number): `question_id` '\(id)' is not in \(questions)")
        }
        question = known
      }
      let at = (time - start) / 1000
      guard at >= arrivals.last?.at ?? 0 else {
        throw UsageError("\(path):\(number): `timestamp_ms` \(time) goes back in time")
      }
      arrivals.append(Arrival(at: at, question: question))
    }
    guard arrivals.count > 1, arrivals[arrivals.count - 1].at > 0 else {
      throw UsageError("\(path): must hold at least two arrivals at different times")
    }
    self.arrivals = arrivals
  }

  /// Arrivals per second in the recording, the first of which is at 0: also the rate when the trace is repeated.
  var rate: Double { Double(arrivals.count - 1) / arrivals[arrivals.count - 1].at }

  /// The arrival with this number at this speed. After its end, the trace is repeated.
  func arrival(_ number: Int, speed: Double) -> Arrival {
    let turn = number / arrivals.count
    var arrival = arrivals[number % arrivals.count]
    arrival.at = (Double(turn) * (arrivals[arrivals.count - 1].at + 1 / rate) + arrival.at) / speed
    return arrival
  }

  private static func lines(_ path: String) throws -> [(Int, JSONValue)] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw UsageError("\(path): can't be read")
    }
    return try data.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated().compactMap {
      number, line in
      guard !line.isEmpty else { return nil }
      do {
        return (number + 1, try JSONReader.read(Array(line)))
      } catch { throw UsageError("\(path):\(number + 1): \(error)") }
    }
  }
}
