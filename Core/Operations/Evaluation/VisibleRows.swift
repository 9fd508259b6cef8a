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

  /// The chunks of one version that have arrived, cut in one way.
  private struct Part {
    var chunkCount: UInt32
    var rows: [UInt32: Row] = [:]

    var isComplete: Bool { rows.count == Int(chunkCount) }
  }

  private struct Entry {
    var deletedAt: Version?
    /// By version and by the digest of its chunks: two releases may cut a version in different ways.
    var parts: [Version: [[UInt8]: Part]] = [:]
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
      let version = header.document.version
      var part = entry.parts[version]?[header.digest] ?? Part(chunkCount: header.chunkCount)
      for (index, chunk) in chunks.enumerated() {
        part.rows[chunk.number] = Row(
          id: header.document.key.id.rawValue, chunk: chunk.number, text: Lexicon.hash(of: chunk.text),
          vector: Array(values[index * dimension..<(index + 1) * dimension]))
      }
      entry.parts[version, default: [:]][header.digest] = part
      // Older versions can't show again.
      if part.isComplete { entry.parts = entry.parts.filter { $0.key >= version } }
    }
    entries[header.document.key] = entry
  }

  var rows: [Row] {
    entries.values.flatMap { entry -> [Row] in
      let complete = entry.parts.mapValues { $0.filter(\.value.isComplete) }.filter { !$0.value.isEmpty }
      guard let newest = complete.max(by: { $0.key < $1.key }) else { return [] }
      if let deletedAt = entry.deletedAt, deletedAt > newest.key { return [] }
      // Of two complete sets the catalog shows the one with the lower digest.
      let shown = newest.value.min { $0.key.lexicographicallyPrecedes($1.key) }
      return shown.map { Array($0.value.rows.values) } ?? []
    }
  }
}
