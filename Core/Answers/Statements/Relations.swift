/// Reads phrases that express the same comparison, condition or obligation as one term each.
enum Relations {
  /// The terms, with each such phrase replaced by one term.
  static func joined(_ terms: [Term]) -> [Term] {
    var result: [Term] = []
    result.reserveCapacity(terms.count)
    var index = 0
    while index < terms.count {
      if terms[index].kind == .word, let (form, count) = phrase(terms, index),
        // "does not have to" is not "must not".
        !(obligations.contains(form) && result.last?.form == "not")
      {
        let text = terms[index..<index + count].map(\.text).joined(separator: " ")
        var term = Term(
          form, form.utf8.first.map { $0 >= 0x61 && $0 <= 0x7A } ?? false ? .word : .relation, text: text)
        if term.kind == .word { term.bases = Inflection.bases(of: form) }
        result.append(term)
        index += count
      } else {
        result.append(terms[index])
        index += 1
      }
    }
    return result
  }

  private static func phrase(_ terms: [Term], _ index: Int) -> (String, Int)? {
    // In "each other", "each" is not "every".
    if terms[index].form == "each", index + 1 < terms.count, terms[index + 1].form == "other" { return nil }
    for (words, form) in phrases[terms[index].form] ?? [] {
      let end = index + words.count
      guard end <= terms.count, zip(words, terms[index..<end]).allSatisfy({ $0 == $1.form }) else { continue }
      return (form, words.count)
    }
    // These words are comparisons only before a number: "over 5", "about 5".
    guard index + 1 < terms.count, terms[index + 1].kind == .number,
      let form = beforeNumbers[terms[index].form]
    else {
      return nil
    }
    return (form, 1)
  }

  private static let obligations: Set<String> = ["must", "may"]
  private static let beforeNumbers = [
    "over": ">", "exceeding": ">", "under": "<", "about": "≈", "around": "≈", "approximately": "≈",
    "roughly": "≈",
    "circa": "≈", "approx": "≈", "ca": "≈",
  ]

  /// The phrases by their first word, the longest first.
  private static let phrases: [String: [([String], String)]] = {
    var table: [String: [([String], String)]] = [:]
    for (form, spellings) in spellings {
      for spelling in spellings {
        let words = spelling.split(separator: " ").map(String.init)
        table[words[0], default: []].append((words, form))
      }
    }
    return table.mapValues { $0.sorted { $0.0.count > $1.0.count } }
  }()

  private static let spellings: [(String, [String])] = [
    ("≤", ["no more than", "not more than", "at most", "maximum of"]),
    ("≥", ["no less than", "not less than", "no fewer than", "at least", "minimum of"]),
    (">", ["more than", "greater than"]),
    ("<", ["less than", "fewer than"]),
    ("before", ["prior to"]),
    ("after", ["subsequent to"]),
    ("must", ["has to", "have to", "is required to", "are required to"]),
    ("may", ["is allowed to", "are allowed to", "is permitted to", "are permitted to"]),
    ("to", ["in order to"]),
    ("every", ["each"]),
  ]
}
