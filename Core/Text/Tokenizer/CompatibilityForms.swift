import Foundation

/// Characters that are other forms of plain ones: ligatures, full and half width, letters in a circle or in a
/// mathematical alphabet. They are folded before a text is embedded or compared, never in a stored text or a quote. The
/// tokenizer itself does not fold them, just like the model's own tokenizer.
package enum CompatibilityForms {
  /// Replaces these characters with plain ones. Superscript and subscript digits and fractions stay: 35² is not 352.
  package static func folded(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 >= 0xC2 }), text.unicodeScalars.contains(where: isForm) else {
      return text
    }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isForm(scalar) {
        result.append(contentsOf: String(scalar).precomposedStringWithCompatibilityMapping.unicodeScalars)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  private static func isForm(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xAA, 0xBA: true  // ª º
    case 0x02B0...0x02B8, 0x02E0...0x02E4: true  // superscript letters
    case 0xFB50...0xFDFF, 0xFE70...0xFEFC: true  // Arabic presentation forms
    case 0x2071, 0x207F, 0x2090...0x209C: true  // superscript and subscript letters
    case 0x1D2C...0x1D6A, 0x1D78, 0x1D9B...0x1DBF: true
    case 0x2100...0x214F: true  // № ℡ ℃
    case 0x2160...0x217F: true  // roman numerals
    case 0x24B6...0x24E9: true  // letters in a circle
    case 0x3000: true  // the ideographic space
    case 0x3300...0x33FF: true  // ㎏ ㎡
    case 0xFB00...0xFB4F: true  // ligatures
    case 0xFF01...0xFFEF: true  // full and half width
    case 0x1D400...0x1D7FF: true  // mathematical alphabets
    default: false
    }
  }
}
