import Foundation

/// The normalisation and measures of SQuAD's evaluation script.
package enum SQuAD {
  package static func tokens(_ text: String) -> [String] {
    let letters = text.lowercased().filter { !$0.isPunctuation && !($0.isASCII && $0.isSymbol) }
    return letters.split(whereSeparator: \.isWhitespace).map(String.init).filter {
      !["a", "an", "the"].contains($0)
    }
  }

  package static func isExact(_ said: String, _ expected: String) -> Bool { tokens(said) == tokens(expected) }

  package static func f1(_ said: String, _ expected: String) -> Double {
    let (a, b) = (tokens(said), tokens(expected))
    if a.isEmpty || b.isEmpty { return a == b ? 1 : 0 }
    var left = Dictionary(b.map { ($0, 1) }, uniquingKeysWith: +)
    var common = 0
    for token in a where (left[token] ?? 0) > 0 {
      left[token, default: 0] -= 1
      common += 1
    }
    guard common > 0 else { return 0 }
    let (precision, recall) = (Double(common) / Double(a.count), Double(common) / Double(b.count))
    return 2 * precision * recall / (precision + recall)
  }
}
