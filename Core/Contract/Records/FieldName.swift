/// Compares the names of fields as people misspell them.
enum FieldName {
  /// Letters in lower case and digits: `topK` and `top_k` are one.
  static func bare(_ name: String) -> String {
    String(name.lowercased().filter { $0.isLetter || $0.isNumber })
  }
}
