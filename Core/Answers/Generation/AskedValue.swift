import Foundation
import Statements

/// The kind of value that a question asks for: when, how many, who, where.
enum AskedValue: Sendable {
  case time, number, name

  /// - Returns: nil when the question's words don't tell.
  init?(_ question: String) {
    let words = question.lowercased().split { !$0.isLetter && $0 != "'" }
    for (index, word) in words.enumerated() {
      let next = index + 1 < words.count ? words[index + 1] : ""
      switch word {
      case "when": self = .time
      case "who", "whose", "whom", "where": self = .name
      case "how"
      where ["many", "much", "long", "old", "far", "often", "high", "large", "tall", "big"].contains(next):
        self = .number
      case "what" where ["year", "date", "day", "month", "time", "century", "decade"].contains(next),
        "which" where ["year", "date", "day", "month", "century", "decade"].contains(next):
        self = .time
      case "what" where ["percentage", "percent", "number", "amount"].contains(next): self = .number
      default: continue
      }
      return
    }
    return nil
  }

  /// True if a sentence has a value of this kind that does not already stand in the question.
  func isHeld(by terms: [Term], besides asked: [Term]) -> Bool {
    terms.contains { term in
      guard !asked.contains(where: { $0.form == term.form }) else { return false }
      switch self {
      case .time:
        return term.kind == .date || term.kind == .time || term.kind == .number
          || Self.times.contains(term.form)
      case .number: return [.number, .date, .time].contains(term.kind) || Self.amounts.contains(term.form)
      case .name: return term.isName
      }
    }
  }

  private static let times: Set<String> = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november",
    "december", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "century",
    "spring",
    "summer", "autumn", "winter", "today", "daily", "weekly", "monthly", "yearly",
  ]
  private static let amounts: Set<String> = [
    "hundred", "thousand", "million", "billion", "half", "quarter", "several",
  ]
}
