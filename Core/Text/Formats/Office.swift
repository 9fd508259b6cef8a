import Parsing

/// Reads a ZIP archive as DOCX, XLSX or EPUB, which it recognises by the files in the archive.
enum Office {
  /// The unpacked bytes allowed per byte of text: the XML of an office file is about ten times as long as its text.
  private static let unpackedFactor = 16

  /// - Throws: `ParsingError` for an archive of another kind, and for one that can't be read.
  static func parse(_ bytes: [UInt8], textBytesMax: Int) throws(ParsingError) -> ParsedDocument {
    let archive = try Archive(bytes, bytesMax: unpackedFactor * textBytesMax)
    let names = Set(archive.names)
    if names.contains("word/document.xml") || names.contains("xl/workbook.xml") {
      // A macro can compute what the file shows, and a document is not expected to contain programs.
      guard !names.contains(where: { $0.hasSuffix("vbaProject.bin") }) else {
        throw ParsingError(.unsupportedMediaType, rule: "is an Office file with macros: send one without")
      }
      return names.contains("xl/workbook.xml")
        ? try Workbook(archive).document().read(as: .xlsx)
        : try WordDocument(archive).document().read(as: .docx)
    }
    if names.contains("META-INF/container.xml") {
      // Fonts are often obfuscated. Only encrypted pages can't be read.
      if let list = try archive.xml("META-INF/encryption.xml") {
        var isText = false
        list.root.walk { node in
          let target = node.attribute("URI")?.lowercased() ?? ""
          if node.name == "CipherReference",
            target.hasSuffix("html") || target.hasSuffix("htm") || target.hasSuffix("opf")
          {
            isText = true
          }
          return true
        }
        if isText { throw ParsingError(.unreadable, rule: "must not be encrypted") }
      }
      return try Book(archive).document().read(as: .epub)
    }
    throw ParsingError.unsupported("a ZIP archive that is no DOCX, XLSX or EPUB")
  }

  /// Resolves the target of a relationship to the name of a file in the archive.
  static func path(_ target: String, from folder: String) -> String {
    if target.hasPrefix("/") { return String(target.dropFirst()) }
    var parts = folder.split(separator: "/").map(String.init)
    for part in target.split(separator: "/") {
      if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(String(part)) }
    }
    return parts.joined(separator: "/")
  }
}
