internal import CLanguages

/// Finds the language of text, by CLD2.
package enum LanguageDetector {
  /// The language is detected from at most this many bytes at the beginning of a text.
  package static let bytesMax = 4096

  /// - Parameter text: UTF-8.
  /// - Returns: the unknown language when CLD2 is not certain.
  package static func language(of text: [UInt8]) -> Language {
    var end = min(text.count, bytesMax)
    while end > 0, end < text.count, text[end] & 0xC0 == 0x80 { end -= 1 }
    var code = [CChar](repeating: 0, count: 16)
    let isCertain = unsafe text.withUnsafeBytes { text in
      unsafe code.withUnsafeMutableBufferPointer { code in
        unsafe millrace_language(text.baseAddress?.assumingMemoryBound(to: CChar.self), end, code.baseAddress)
      }
    }
    guard isCertain == 1 else { return .unknown }
    return Language(String(decoding: code.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }
}
