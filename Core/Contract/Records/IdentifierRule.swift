/// The rule that document and query ids share: 1 to 512 bytes of UTF-8 without control characters.
enum IdentifierRule {
  static let sentence = "must be 1 to 512 bytes of UTF-8 without control characters"

  static func allows(_ text: String) -> Bool {
    (1...512).contains(text.utf8.count)
      && !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
  }
}
