/// The media types that can be parsed.
package enum MediaType: String, Sendable, CaseIterable, Codable {
  case plainText = "text/plain"
  case markdown = "text/markdown"
  case html = "text/html"
  case pdf = "application/pdf"
  case gzip = "application/gzip"
  case csv = "text/csv"
  /// Each line is a unit.
  case log = "text/x-log"
  case tsv = "text/tab-separated-values"
  case docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
  case xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
  case epub = "application/epub+zip"

  /// All of them, for messages.
  package static let known = allCases.map(\.rawValue).joined(separator: ", ")

  private static let aliases: [String: MediaType] = [
    "text/x-markdown": .markdown, "application/xhtml+xml": .html, "application/x-pdf": .pdf,
    "application/x-gzip": .gzip, "application/csv": .csv, "text/x-csv": .csv, "text/tsv": .tsv,
    "application/json": .plainText, "application/javascript": .plainText,
    "application/xml": .plainText, "application/octet-stream": .plainText,
  ]

  /// - Parameter declared: a media type; parameters are ignored.
  /// - Returns: nil for a type that can't be parsed. Every `text/…` type can be.
  package static func named(_ declared: String) -> MediaType? {
    let name = declared.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    if let type = MediaType(rawValue: name) ?? aliases[name] { return type }
    return name.hasPrefix("text/") ? .plainText : nil
  }

  /// The encoding that a declaration names, empty for none.
  package static func charset(_ declared: String) -> String {
    for parameter in declared.split(separator: ";").dropFirst() {
      let sides = parameter.split(separator: "=", maxSplits: 1)
      if sides.count == 2, sides[0].filter({ $0 != " " }).lowercased() == "charset" {
        return String(sides[1].filter { $0 != "\"" && $0 != " " })
      }
    }
    return ""
  }

  /// Whether the bytes are a ZIP archive. The child finds out whether it is DOCX, XLSX, EPUB or unsupported.
  package static func isArchive(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) }

  /// Whether the format is binary, so that it must be sent as bytes.
  package var isBinary: Bool {
    switch self {
    case .pdf, .gzip, .docx, .xlsx, .epub: true
    case .plainText, .markdown, .html, .csv, .tsv, .log: false
    }
  }

  /// The value of a parameter of a declaration, in lower case; empty for none.
  package static func parameter(_ name: String, of declared: String) -> String {
    for parameter in declared.split(separator: ";").dropFirst() {
      let sides = parameter.split(separator: "=", maxSplits: 1)
      if sides.count == 2, sides[0].filter({ $0 != " " }).lowercased() == name {
        return sides[1].filter { $0 != "\"" && $0 != " " }.lowercased()
      }
    }
    return ""
  }

  /// The format that the first bytes identify; nil when they identify none.
  package static func ofBytes(_ bytes: [UInt8]) -> MediaType? {
    if bytes.starts(with: [0x1F, 0x8B]) { return .gzip }
    // PDF readers accept a file whose mark is anywhere in its first kilobyte.
    let head = bytes.prefix(1024)
    let mark = Array("%PDF-".utf8)
    guard head.count >= mark.count else { return nil }
    for start in head.startIndex...(head.endIndex - mark.count)
    where head[start..<start + mark.count].elementsEqual(mark) {
      return .pdf
    }
    return nil
  }

  /// The name of an unsupported binary format that the first bytes identify; nil when they identify none.
  package static func unsupported(_ bytes: [UInt8]) -> String? {
    let marks: [(String, [UInt8])] = [
      ("a PNG picture", [0x89, 0x50, 0x4E, 0x47]),
      ("a JPEG picture", [0xFF, 0xD8, 0xFF]), ("a GIF picture", Array("GIF8".utf8)),
      ("a program", [0x7F, 0x45, 0x4C, 0x46]), ("an RTF file: send it as DOCX", Array("{\\rtf".utf8)),
      ("a bzip2 archive", Array("BZh".utf8)), ("an xz archive", [0xFD, 0x37, 0x7A, 0x58]),
      ("a Zstandard archive", [0x28, 0xB5, 0x2F, 0xFD]),
      ("an old Office file (send it as DOCX or XLSX), or one with a password", [0xD0, 0xCF, 0x11, 0xE0]),
    ]
    return marks.first { bytes.starts(with: $0.1) }?.0
  }

  /// The declared type for plain text, Markdown, CSV, TSV and logs, and for HTML if the text looks like HTML. Otherwise
  /// the content decides.
  package static func ofText(_ text: String, declared: MediaType?) -> MediaType {
    switch declared {
    case .plainText: .plainText
    case .markdown: .markdown
    case .csv: .csv
    case .tsv: .tsv
    case .log: .log
    case .html where looksLikeHTML(text, anywhere: true): .html
    default: looksLikeHTML(text, anywhere: false) ? .html : (looksLikeMarkdown(text) ? .markdown : .plainText)
    }
  }

  /// - Parameter anywhere: true for a text that is declared as HTML. Then it is enough that it starts with a tag, or
  ///   that it does not look like Markdown and has a common element in its first 64 Ki characters.
  private static func looksLikeHTML(_ text: String, anywhere: Bool) -> Bool {
    let head = text.prefix(anywhere ? 65_536 : 1024).lowercased()
    var start = head.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    while start.hasPrefix("<!--"), let end = start.firstRange(of: "-->") {
      start = start[end.upperBound...].drop { $0.isWhitespace }
    }
    if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") { return true }
    if start.hasPrefix("<?xml") || start.hasPrefix("<!--") || start.hasPrefix("<!doctype") {
      return head.contains("<html")
    }
    if start.hasPrefix("<head") || start.hasPrefix("<body") || start.hasPrefix("<title") { return true }
    guard anywhere else { return false }
    // A Markdown page may quote an element, but an HTML page starts with one, or is a fragment that contains one.
    if start.hasPrefix("<"), start.dropFirst().first?.isLetter == true { return true }
    return !looksLikeMarkdown(text)
      && [
        "</p>", "</b>", "</i>", "</a>", "</div>", "</span>", "</strong>", "</em>", "</ul>", "</td>", "<br",
        "<p>",
      ]
      .contains { head.contains($0) }
  }

  private static func looksLikeMarkdown(_ text: String) -> Bool {
    var signs = 0
    for line in text.split(whereSeparator: \.isNewline).prefix(400) {
      if line.hasPrefix("```") || line.hasPrefix("~~~") { return true }
      let marks = line.prefix { $0 == "#" }.count
      if (1...6).contains(marks), line.dropFirst(marks).first == " " { signs += 2 }
      if line.hasPrefix("* ") || line.hasPrefix("- ") || line.contains("](") { signs += 1 }
      if signs >= 3 { return true }
    }
    return signs >= 2
  }
}
