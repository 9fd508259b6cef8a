/// A language by the first part of its BCP 47 code, in lower case: `en` for `en-GB`. Empty when it is not known.
package struct Language: Hashable, Sendable, Comparable {
  package let code: String

  package static let unknown = Language("")

  /// - Parameter tag: anything that is no code becomes the unknown language.
  package init(_ tag: String) {
    let primary = tag.prefix { $0 != "-" && $0 != "_" }.lowercased()
    let isCode =
      (2...3).contains(primary.utf8.count) && primary.utf8.allSatisfy { (0x61...0x7A).contains($0) }
    // `iw` and `in` are the former codes of Hebrew and Indonesian, which CLD2 still writes.
    code = isCode ? ["iw": "he", "in": "id", "no": "nb"][primary] ?? primary : ""
  }

  package static func < (a: Language, b: Language) -> Bool { a.code < b.code }
}
