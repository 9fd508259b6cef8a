import Foundation
import Records
import Statements

/// A sentence, a row or a heading of the context, which may be quoted and may support a sentence of the LLM's answer.
struct ContextSentence: Sendable {
  let item: ContextItem
  /// UTF-8 byte range in the item's text. A heading is cited by the first sentence below it.
  let range: Range<Int>
  /// The text of the range.
  let quote: String
  /// The heading, if this is a heading; nil for a sentence or row of the item's text.
  let quotedHeading: String?
  /// Cosine with the question.
  var score = 0.0
  /// How likely it answers the question.
  var probability = 0.0
  var features = SentenceFeatures(values: [])
  /// False if it lacks an identifier of the question.
  var hasIdentifiers = true
  /// The share of the question's words that stand in it, its headings, its title or its column names.
  var covered = 0.0
  /// Its terms, and those of its headings, its title and its column names.
  let source: SupportSource

  /// - Parameter frames: the item's `frameTexts` as statements.
  init(
    _ item: ContextItem, range: Range<Int>, quote: String, quotedHeading: String? = nil, frames: [Statement]
  ) {
    self.item = item
    self.range = range
    self.quote = quote
    self.quotedHeading = quotedHeading
    let isRow = item.context.contains(Self.cellMark)
    source = SupportSource(quotedHeading ?? quote, read: frames, isLabel: quotedHeading != nil || isRow)
  }

  /// The headings above a sentence, the document's title, and the names of a row's columns.
  static func frameTexts(_ item: ContextItem) -> [String] {
    (item.headingPath + [item.document.title, item.context]).filter { !$0.isEmpty }
  }

  static let cellMark = " | "

  /// The text with white space folded.
  var folded: String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
  /// The heading, or the sentence as it stands in the document.
  var text: String { quotedHeading ?? quote }
  var heading: String { item.headingPath.last ?? item.document.title }
  /// The names of a row's columns, which the row itself does not contain; empty if there are none.
  var context: String { item.context }

  /// The text as an answer shows it. A row has the names of its columns in front if it can be split into as many cells
  /// as there are columns, or if it has quoted cells (which are not split) and at most 12 columns.
  var shown: String {
    guard quotedHeading == nil, context.contains(Self.cellMark) else { return folded }
    let columns = context.split(separator: Self.cellMark, omittingEmptySubsequences: false)
    let isWhole = !Self.cells(quote, columns.count).isEmpty || quote.contains("\"") && columns.count <= 12
    return isWhole ? "\(context): \(folded)" : folded
  }

  /// The text that is embedded. It includes the heading, because a sentence may not say itself what it is about.
  var embedded: String {
    let above = quotedHeading == nil ? heading : item.document.title
    return [above == text ? "" : above, quotedHeading == nil ? context : "", text].filter { !$0.isEmpty }
      .joined(separator: ": ")
  }

  var passage: QuotedPassage {
    guard quotedHeading == nil, context.contains(Self.cellMark) else {
      return QuotedPassage(text, frames: Self.frameTexts(item))
    }
    let columns = context.split(separator: Self.cellMark, omittingEmptySubsequences: false).map(String.init)
    return QuotedPassage(
      text, frames: Self.frameTexts(item), row: Self.cells(quote, columns.count),
      columns: columns)
  }

  /// The cells of a row, split by the first separator that gives `count` cells; empty when none does.
  private static func cells(_ row: String, _ count: Int) -> [String] {
    for separator in [cellMark, ",", ";", "\t", "|"] {
      let cells = row.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
      if cells.count == count { return cells }
    }
    return []
  }

  /// Identifies the sentence's place in a document. It uses the key's bytes, because Swift treats some ids with
  /// different bytes as equal strings.
  var place: String {
    "\(item.document.key.bytes)@\(item.document.version):\(start)\(quotedHeading.map { ":\($0)" } ?? "")"
  }
  private var start: UInt64 { item.start &+ UInt64(range.lowerBound) }

  func citation(_ number: Int) -> AnswerRecord.Citation {
    var citation = AnswerRecord.Citation(
      n: number, documentID: item.document.key.id, version: item.document.version, chunkID: item.chunkID,
      title: item.document.title, uri: CitationURI.shown(item.document.uri), start: start,
      end: item.start &+ UInt64(range.upperBound), quote: quote, score: (score * 1e6).rounded() / 1e6)
    citation.context = context
    citation.headingPath = item.headingPath
    citation.alsoIn = item.copies.map { copy in
      var shown = copy
      shown.uri = CitationURI.shown(copy.uri)
      return shown
    }
    return citation
  }
}
