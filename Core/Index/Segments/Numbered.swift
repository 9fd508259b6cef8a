/// Numbers in the names of files, with leading zeros, so that the names sort by number.
package enum Numbered {
  package static func text(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
  }

  /// The number at the end of a name with this prefix; nil for another name.
  package static func number(of name: String, prefix: String) -> Int? {
    guard name.hasPrefix(prefix) else { return nil }
    let digits = name.dropFirst(prefix.count)
    guard digits.count >= 12, let number = Int(digits), text(number) == digits else { return nil }
    return number
  }
}
