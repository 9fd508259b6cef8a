/// The rule that document and query ids share: 1 to 512 bytes of UTF-8 without control characters.
enum IdentifierRule {
  static let sentence = "must be 1 to 512 bytes of UTF-8 without control characters"

  static func allows(_ text: String) -> Bool {
    guard (1...512).contains(text.utf8.count) else { return false }
    // Control characters are U+0000 to U+001F and U+007F to U+009F (general category Cc, which is fixed). The latter 32
    // begin with the byte C2.
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte < 0x20 || byte == 0x7F || previous == 0xC2 && byte < 0xA0 { return false }
      previous = byte
    }
    return true
  }
}
