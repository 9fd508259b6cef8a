import Catalog
import Lexical
import Records
import Segments
import Storage
import VectorMath

/// Makes one moment of the index durable. It runs beside the engine, on values and immutable files.
package struct CheckpointJob: Sendable {
  struct Outcome {
    var segment: Segment?
    var table: CatalogTable?
    var manifest: Manifest
  }

  let disk: any Disk
  let source: HeadSource
  let panels: Panels.Kind
  let dimension: Int
  let weights: FieldWeights
  let segmentID: Int
  let changes: [DocumentKey: CatalogEntry?]
  let tableID: Int
  /// Bitmaps of removed documents that changed, by segment.
  let bitmaps: [(segment: Int, bitmap: Bitmap, number: Int)]
  /// What will hold, but for what the job adds.
  let manifest: Manifest

  /// - Returns: what the engine takes over with `finish`.
  package func run() -> CheckpointResult {
    do { return CheckpointResult(outcome: .success(try outcome())) } catch {
      // What was written is no part of the index. Left behind, it goes when the index is opened.
      // The manifest first: without its files it would be a fault at the next start.
      let own = Manifest.name(manifest.number)
      let names = [own, "new-\(own)", Segment.name(segmentID), CatalogTable.name(tableID)]
      for name in names + bitmaps.map({ RemovedDocuments.name($0.segment, $0.number) }) {
        do { try disk.remove(name) } catch { continue }
      }
      return CheckpointResult(outcome: .failure(error))
    }
  }

  private func outcome() throws -> Outcome {
    var manifest = manifest
    var segment: Segment?
    var table: CatalogTable?
    if source.documentCount > 0 {
      let writer = SegmentWriter(
        disk, name: Segment.name(segmentID), kind: panels, dimension: dimension, weights: weights,
        sources: [source],
        isLive: { _, _ in true })
      let written = try writer.write()
      // Read back: what can't be read must not be relied on.
      segment = try Segment(disk, id: segmentID)
      manifest.parts.append(Manifest.Part(segment: segmentID, removed: nil))
      manifest.sealedBytes &+= UInt64(written.byteCount)
      manifest.writtenBytes &+= UInt64(written.byteCount)
    }
    if !changes.isEmpty {
      try CatalogTable.write(changes, to: disk, id: tableID)
      let written = try CatalogTable(disk, id: tableID)
      manifest.tables.append(tableID)
      manifest.sealedBytes &+= UInt64(written.byteCount)
      manifest.writtenBytes &+= UInt64(written.byteCount)
      table = written
    }
    for (segment, bitmap, number) in bitmaps {
      try RemovedDocuments.write(bitmap, to: disk, segment: segment, number: number)
    }
    try manifest.write(to: disk)
    return Outcome(segment: segment, table: table, manifest: manifest)
  }
}
