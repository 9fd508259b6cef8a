/// The names of a record's fields, to find which one a misspelt name was probably meant to be.
struct KnownFields {
  /// Longer names mean nothing of ours.
  private static let bytesMax = 64

  private let names: Set<String>
  private let bare: [(name: String, letters: [Character])]

  init(_ names: [String]) {
    self.names = Set(names)
    bare = names.map { ($0, Array(FieldName.bare($0))) }
  }

  /// The known name that differs from an unknown one in case, punctuation or one letter.
  func meant(by name: String) -> String? {
    guard name.utf8.count <= Self.bytesMax, !names.contains(name) else { return nil }
    let given = Array(FieldName.bare(name))
    return (bare.first { $0.letters == given } ?? bare.first { Self.isNear(given, $0.letters) })?.name
  }

  /// Whether one letter more, less, changed or exchanged with its neighbour makes one name the other. Short names are
  /// too near to each other for that.
  private static func isNear(_ a: [Character], _ b: [Character]) -> Bool {
    guard min(a.count, b.count) >= 5, abs(a.count - b.count) <= 1 else { return false }
    let start = zip(a, b).prefix { $0 == $1 }.count
    let (restA, restB) = (a[start...], b[start...])
    if a.count == b.count {
      return restA.dropFirst() == restB.dropFirst()
        || restA.count >= 2 && restA.dropFirst(2) == restB.dropFirst(2)
          && Array(restA.prefix(2)) == Array(restB.prefix(2).reversed())
    }
    return a.count > b.count ? restA.dropFirst() == restB : restA == restB.dropFirst()
  }
}
