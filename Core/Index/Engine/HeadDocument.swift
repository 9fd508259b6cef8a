import Analysis
import Catalog
import Lexical
import Records
import Segments

/// A document of a head: it is in memory, and not in a segment yet.
final class HeadDocument: Sendable {
  let key: [UInt8]
  let facts: DocumentFacts
  let chunks: [Chunk]
  /// Nil when the whole tenant may read it.
  let access: [PrincipalHash]?
  let firstRow: Int
  let language: Language
  /// The terms of each chunk, numbered by `lexicon`.
  let words: [RowWords]
  let lexicon: Lexicon
  /// The estimated bytes in memory, without the vectors.
  let byteCount: Int

  init(
    _ document: IndexedDocument, access: [PrincipalHash]?, firstRow: Int, language: Language,
    words: [RowWords],
    lexicon: Lexicon
  ) {
    key = document.info.key.bytes
    facts = DocumentFacts(document)
    chunks = document.chunks
    self.access = access
    self.firstRow = firstRow
    self.language = language
    self.words = words
    self.lexicon = lexicon
    byteCount =
      document.chunks.reduce(key.count + 512 + (access?.count ?? 0) * 16) {
        $0 + $1.text.utf8.count + $1.context.utf8.count + 256
      } + words.reduce(0) { $0 + $1.terms.count * 8 + 128 }
  }

  /// The same document with another first row.
  init(_ other: HeadDocument, firstRow: Int) {
    key = other.key
    facts = other.facts
    chunks = other.chunks
    access = other.access
    self.firstRow = firstRow
    language = other.language
    words = other.words
    lexicon = other.lexicon
    byteCount = other.byteCount
  }
}
