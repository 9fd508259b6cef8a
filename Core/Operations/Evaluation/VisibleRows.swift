import Lexical
import Records

/// The chunks that a search may show, from the records of `rag.vectors` in any order: those of each document's newest
/// complete version, unless a later version is a deletion. Failed and dropped versions change nothing.
struct VisibleRows {
  struct Row: Equatable {
    var id: String
    var chunk: UInt32
    /// The hash of the text. Chunks with the same text count once in a search.
    var text: UInt64
    var vector: [Float]
  }

  /// The chunks of one version that have arrived.
  private struct Part {
    var digest: [UInt8]
    var chunkCount: UInt32
    var rows: [UInt32: Row] = [:]
  }

  private struct Entry {
    var deletedAt: Version?
    var parts: [Version: Part] = [:]
  }

  private var entries: [DocumentKey: Entry] = [:]

  mutating func add(_ batch: VectorBatch) {
    let header = batch.header
    var entry = entries[header.document.key] ?? Entry()
    switch batch.content {
    case .mark(.deleted, _, _):
      entry.deletedAt = entry.deletedAt.map { max($0, header.document.version) } ?? header.document.version
    case .mark: return
    case .vectors(let chunks, let dimension, let values):
      var part =
        entry.parts[header.document.version] ?? Part(digest: header.digest, chunkCount: header.chunkCount)
      // The same version was chunked again, for example by another release.
      if part.digest != header.digest { part = Part(digest: header.digest, chunkCount: header.chunkCount) }
      for (index, chunk) in chunks.enumerated() {
        part.rows[chunk.number] = Row(
          id: header.document.key.id.rawValue, chunk: chunk.number, text: Lexicon.hash(of: chunk.text),
          vector: Array(values[index * dimension..<(index + 1) * dimension]))
      }
      entry.parts[header.document.version] = part
    }
    entries[header.document.key] = entry
  }

  var rows: [Row] {
    entries.values.flatMap { entry -> [Row] in
      let complete = entry.parts.filter { $0.value.rows.count == Int($0.value.chunkCount) }
      guard let newest = complete.max(by: { $0.key < $1.key }) else { return [] }
      if let deletedAt = entry.deletedAt, deletedAt > newest.key { return [] }
      return Array(newest.value.rows.values)
    }
  }
}
