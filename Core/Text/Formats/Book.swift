import Foundation
import Parsing

/// Reads EPUB: its pages in the order of the spine.
struct Book {
  private let archive: Archive

  init(_ archive: Archive) { self.archive = archive }

  /// - Throws: `ParsingError` for a book without a readable list of pages.
  func document() throws(ParsingError) -> ParsedDocument {
    guard let container = try archive.xml("META-INF/container.xml"),
      let path = container.root.first("rootfile")?.attribute("full-path"), let package = try archive.xml(path)
    else { throw ParsingError(.unreadable, rule: "must be a whole EPUB: its list of pages is missing") }
    let folder = path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) : ""
    var files: [String: String] = [:]
    for item in package.root.first("manifest")?.children ?? [] {
      let type = item.attribute("media-type") ?? ""
      guard let id = item.attribute("id"), let target = item.attribute("href"), type.contains("html") else {
        continue
      }
      files[id] = Office.path(target.removingPercentEncoding ?? target, from: folder)
    }
    var output = BlockBuilder()
    let styles = try styles(package, folder)
    for page in package.root.first("spine")?.children ?? [] {
      // Read each page once: with a few bytes per line, the spine could name the same page again and again.
      guard let file = files.removeValue(forKey: page.attribute("idref") ?? ""),
        page.attribute("linear") != "no",
        let bytes = try archive.read(file)
      else { continue }
      let text = try TextEncoding.decode(bytes, declared: "")
      output.append(try HTML.parse(Self.withEndTags(text), isWhole: true, styles: styles))
    }
    let title = package.root.first("metadata")?.first("title")?.text ?? ""
    return ParsedDocument(
      text: output.text, blocks: output.blocks,
      title: title.isEmpty ? output.title : BlockBuilder.cut(title, bytesMax: 1200))
  }

  private static let styleBytesMax = 1 << 20

  /// The style sheets of the book: what they hide is hidden on all pages.
  private func styles(_ package: XMLTree, _ folder: String) throws(ParsingError) -> HTMLVisibility {
    var text = ""
    for item in package.root.first("manifest")?.children ?? []
    where item.attribute("media-type") == "text/css" {
      guard let target = item.attribute("href"),
        let bytes = try archive.read(Office.path(target.removingPercentEncoding ?? target, from: folder)),
        text.utf8.count + bytes.count <= Self.styleBytesMax
      else { continue }
      text += String(decoding: bytes, as: UTF8.self) + "\n"
    }
    return HTMLVisibility(sheet: text)
  }

  /// Gives empty elements an end tag. XHTML writes `<title/>`, which HTML reads as a start tag that would swallow the
  /// page.
  static func withEndTags(_ text: String) -> String {
    text.replacing(/<([A-Za-z][A-Za-z0-9]*)((?:\s[^<>]*?)?)\/>/) { match in
      let void: Set<String> = [
        "br", "hr", "img", "input", "link", "meta", "col", "area", "base", "embed", "source", "wbr",
      ]
      return void.contains(match.1.lowercased()) ? String(match.0) : "<\(match.1)\(match.2)></\(match.1)>"
    }
  }
}
