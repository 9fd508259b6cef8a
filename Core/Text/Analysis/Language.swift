/// A language, identified by the first part of its BCP 47 code, in lower case: `en` for `en-GB`. The code is empty if
/// the language is not known.
package struct Language: Hashable, Sendable, Comparable {
  package let code: String

  package static let unknown = Language("")

  /// ISO 639-1 codes, fewer than 255, so that a segment can number languages in one byte. Other codes count as unknown:
  /// their senders could invent any number of them.
  private static let known = Set(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da \
    de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz \
    ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln \
    lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn nr nv ny oc oj om or os pa pi pl \
    ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk \
    tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split(separator: " ").map(String.init))

  /// - Parameter tag: anything but a known code becomes the unknown language.
  package init(_ tag: String) {
    let primary = tag.prefix { $0 != "-" && $0 != "_" }.lowercased()
    // `iw`, `in` and `jw` are former codes of Hebrew, Indonesian and Javanese; CLD2 still writes `iw` and `jw`.
    // Norwegian (`no`) counts as Bokmål.
    let present = ["iw": "he", "in": "id", "jw": "jv", "no": "nb"][primary] ?? primary
    code = Self.known.contains(present) ? present : ""
  }

  package static func < (a: Language, b: Language) -> Bool { a.code < b.code }
}
