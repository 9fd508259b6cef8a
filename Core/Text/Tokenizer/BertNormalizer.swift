import Foundation

/// The character rules of BERT's uncased tokenizer.
enum BertNormalizer {
  /// Removes control characters, isolates CJK ideographs, strips accents and lowers case, in this order.
  static func normalize(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var cleaned: [Unicode.Scalar] = []
    cleaned.reserveCapacity(scalars.count)
    var isASCII = true
    for scalar in scalars {
      if scalar.value < 0x80 {
        if isWhiteSpace(scalar) {
          cleaned.append(" ")
        } else if scalar.value >= 0x20 && scalar.value != 0x7F {
          cleaned.append(scalar)
        }
        continue
      }
      if scalar.value == 0xFFFD || isControl(scalar) { continue }
      isASCII = false
      if isWhiteSpace(scalar) {
        cleaned.append(" ")
      } else if isIdeograph(scalar) {
        cleaned.append(contentsOf: [" ", scalar, " "])
      } else {
        cleaned.append(scalar)
      }
    }
    if isASCII { return cleaned.map(lowerASCII) }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: cleaned)
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(cleaned.count)
    for scalar in String(text).decomposedStringWithCanonicalMapping.unicodeScalars {
      if scalar.value < 0x80 {
        result.append(lowerASCII(scalar))
      } else if scalar.properties.generalCategory != .nonspacingMark {
        result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    return result
  }

  private static func lowerASCII(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    (0x41...0x5A).contains(scalar.value) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
  }

  static func isWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x80 { return scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" }
    return scalar.properties.isWhitespace
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .privateUse, .unassigned, .surrogate: true
    default: false
    }
  }

  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case 0..<0x80: return false
    default: break
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return true
    default: return false
    }
  }

  private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
