/// Compares text by its bytes, because record keys are compared by their bytes. To Swift's own `==`, an é
/// of one scalar equals an é of two scalars, but the two are different keys on different partitions.
enum TextBytes {
  static func areEqual(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

  static func hash(_ text: String, into hasher: inout Hasher) {
    var word: UInt64 = 0
    var count = 0
    for byte in text.utf8 {
      word = word << 8 | UInt64(byte)
      count += 1
      guard count % 8 == 0 else { continue }
      hasher.combine(word)
      word = 0
    }
    hasher.combine(word)
    hasher.combine(count)
  }
}
