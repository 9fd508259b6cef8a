/// Recognises misspelt field names.
enum FieldName {
  /// Longer names are not taken for a misspelt name of ours.
  private static let bytesMax = 64

  /// The name's letters, in lower case, and digits: `topK` and `top_k` become the same.
  static func bare(_ name: String) -> String {
    String(name.lowercased().filter { $0.isLetter || $0.isNumber })
  }

  /// The known name that an unknown one was probably meant to be: it differs in case, punctuation or one letter.
  static func meant(by name: String, among known: [String]) -> String? {
    guard name.utf8.count <= bytesMax, !known.contains(name) else { return nil }
    let given = Array(bare(name))
    return known.first { bare($0) == String(given) } ?? known.first { isNear(given, Array(bare($0))) }
  }

  /// Whether the names differ by one letter that was added, left out, changed or swapped with its neighbour. Short
  /// names are too similar to each other for this test.
  private static func isNear(_ a: [Character], _ b: [Character]) -> Bool {
    guard min(a.count, b.count) >= 5, abs(a.count - b.count) <= 1 else { return false }
    let start = zip(a, b).prefix { $0 == $1 }.count
    let (restA, restB) = (a[start...], b[start...])
    if a.count == b.count {
      return restA.dropFirst() == restB.dropFirst()
        || restA.count >= 2 && restA.dropFirst(2) == restB.dropFirst(2)
          && Array(restA.prefix(2)) == Array(restB.prefix(2).reversed())
    }
    return a.count > b.count ? restA.dropFirst() == restB : restA == restB.dropFirst()
  }
}
