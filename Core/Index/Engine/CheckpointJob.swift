import Catalog
import Lexical
import Records
import Segments
import Storage
import VectorMath

/// Writes the files of a checkpoint, which make one moment of the index durable. It runs beside the engine, on values
/// and immutable files.
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
  /// The changed bitmaps of removed documents, each with its segment and the number of its new file.
  let bitmaps: [(segment: Int, bitmap: Bitmap, number: Int)]
  /// The new manifest, without the segment and the table that the job writes.
  let manifest: Manifest

  /// - Returns: what the engine takes over with `finish`.
  package func run() -> CheckpointResult {
    do { return CheckpointResult(outcome: .success(try outcome())) } catch {
      // The files are not part of the index. Those that can't be removed now are removed by the engine later.
      // The manifest is removed first: if it stayed without its files, the next start would report a fault.
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
      // Read the segment back: the manifest must not name one that can't be read.
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
