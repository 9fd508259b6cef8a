internal import CWords

/// Words and their folded forms, by ICU.
enum WordBreaks {
  /// A word's bytes in the text.
  struct Word {
    var range: Range<Int>
    /// Chinese, Japanese or Korean.
    var isCJK: Bool
  }

  static var version: Int { Int(millrace_icu_version()) }

  static func words(in text: [UInt8]) -> [Word] {
    var buffer = [millrace_word](repeating: millrace_word(), count: 32)
    while true {
      let count = unsafe text.withUnsafeBytes { text in
        unsafe buffer.withUnsafeMutableBufferPointer { buffer in
          unsafe millrace_words(
            text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count, buffer.baseAddress,
            buffer.count)
        }
      }
      // ICU fails only when memory runs out.
      guard count >= 0 else { return [] }
      if count > buffer.count {
        buffer = [millrace_word](repeating: millrace_word(), count: count)
        continue
      }
      return buffer.prefix(count).map {
        Word(range: Int($0.start)..<Int($0.end), isCJK: Int($0.kind) == MILLRACE_WORD_CJK)
      }
    }
  }

  /// Folds case and compatibility forms (NFKC_Casefold); nil for a non-ASCII word longer than 512 bytes.
  static func foldedCase(_ word: ArraySlice<UInt8>) -> [UInt8]? {
    if word.allSatisfy({ $0 < 0x80 }) {
      return word.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
    }
    return unsafe folded(word, millrace_fold_case)
  }

  static func foldedAccents(_ word: [UInt8]) -> [UInt8] {
    if word.allSatisfy({ $0 < 0x80 }) { return word }
    return unsafe folded(word[...], millrace_fold_accents) ?? word
  }

  private static func folded(
    _ word: ArraySlice<UInt8>,
    _ fold: (UnsafePointer<CChar>?, Int, UnsafeMutablePointer<CChar>?) -> Int
  ) -> [UInt8]? {
    guard word.count <= Int(MILLRACE_FOLD_MAX) else { return nil }
    return unsafe [UInt8](unsafeUninitializedCapacity: Int(MILLRACE_FOLD_ROOM)) { out, count in
      let written = unsafe word.withUnsafeBytes { word in
        unsafe fold(
          word.baseAddress?.assumingMemoryBound(to: CChar.self), word.count,
          UnsafeMutableRawPointer(out.baseAddress)?.assumingMemoryBound(to: CChar.self))
      }
      count = max(0, written)
    }
  }
}
