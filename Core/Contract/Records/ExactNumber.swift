/// A decimal number without rounding: different 64-bit ids stay different, and 0.1 is exactly 0.1.
package struct ExactNumber: Sendable, Hashable {
  package static let rule = "must be a whole number of 64 bits, or a decimal of at most 19 digits"
  private static let exponentMax = 400

  private let isNegative: Bool
  /// The digits without trailing zeros.
  private let digits: UInt64
  /// The value is ±digits × 10^exponent.
  private let exponent: Int

  /// - Parameter text: a JSON number.
  /// - Returns: nil when the digits don't fit 64 bits, the exponent is beyond ±400, or the text is not a number.
  package init?(_ text: some StringProtocol) {
    var rest = String(text)[...]
    let isNegative = rest.first == "-"
    if isNegative { rest = rest.dropFirst() }
    var exponent = 0
    if let mark = rest.firstIndex(where: { $0 == "e" || $0 == "E" }) {
      guard let written = Int(rest[rest.index(after: mark)...]),
        (-Self.exponentMax...Self.exponentMax).contains(written)
      else {
        return nil
      }
      exponent = written
      rest = rest[..<mark]
    }
    var digits = rest.filter { $0 != "." }[...]
    if let point = rest.firstIndex(of: ".") {
      exponent -= rest.distance(from: rest.index(after: point), to: rest.endIndex)
    }
    digits = digits.drop { $0 == "0" }
    while digits.last == "0" {
      digits.removeLast()
      exponent += 1
    }
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), rest.contains(where: \.isNumber),
      rest.filter({ $0 == "." }).count <= 1, let value = digits.isEmpty ? 0 : UInt64(digits)
    else { return nil }
    self.digits = value
    self.isNegative = isNegative && value > 0
    self.exponent = value == 0 ? 0 : exponent
    guard abs(self.exponent) <= Self.exponentMax else { return nil }
  }

  /// - Returns: nil for infinity and NaN.
  package init?(_ number: Double) {
    guard number.isFinite else { return nil }
    self.init("\(number)")
  }

  package var double: Double { Double(text) ?? 0 }

  /// The number as JSON; whole numbers of up to 20 digits have no exponent.
  package var text: String {
    let sign = isNegative ? "-" : ""
    var digits = String(digits)
    if exponent >= 0, digits.count + exponent <= 20 {
      return sign + digits + String(repeating: "0", count: exponent)
    }
    if exponent < 0, exponent > -20 {
      while digits.count <= -exponent { digits = "0" + digits }
      return sign + digits.dropLast(-exponent) + "." + digits.suffix(-exponent)
    }
    return sign + digits + "e\(exponent)"
  }
}

extension ExactNumber: Comparable {
  package static func < (a: ExactNumber, b: ExactNumber) -> Bool {
    guard a.isNegative == b.isNegative else { return a.isNegative && (a.digits > 0 || b.digits > 0) }
    return a.isNegative ? isSmaller(b, a) : isSmaller(a, b)
  }

  /// Compares the absolute values.
  private static func isSmaller(_ a: ExactNumber, _ b: ExactNumber) -> Bool {
    guard a.digits > 0, b.digits > 0 else { return a.digits == 0 && b.digits > 0 }
    let (first, second) = (Array(String(a.digits).utf8), Array(String(b.digits).utf8))
    // The number of digits before the decimal point.
    let (left, right) = (first.count + a.exponent, second.count + b.exponent)
    guard left == right else { return left < right }
    return first.lexicographicallyPrecedes(second)
  }
}
