internal import CWords

/// A Snowball stemmer for one language. Used by one thread at a time.
@safe final class Stemmer {
  private static let norwegian: Set<Language> = [Language("nb"), Language("nn")]

  private let stemmer: OpaquePointer

  /// - Returns: nil when Snowball has no stemmer for the language.
  init?(_ language: Language) {
    guard !language.code.isEmpty,
      let made = unsafe sb_stemmer_new(Self.norwegian.contains(language) ? "no" : language.code, nil)
    else { return nil }
    unsafe stemmer = made
  }

  deinit { unsafe sb_stemmer_delete(stemmer) }

  /// - Parameter word: case-folded.
  func stem(_ word: [UInt8]) -> [UInt8] {
    guard let result = unsafe sb_stemmer_stem(stemmer, word, Int32(clamping: word.count)) else { return word }
    return unsafe Array(UnsafeBufferPointer(start: result, count: Int(sb_stemmer_length(stemmer))))
  }
}
