import Lexical
import Segments
import Storage
import VectorMath

/// Merges some segments into one, or some tables into one. It runs beside the engine, on immutable files.
package struct MergeJob: Sendable {
  enum Input: Sendable {
    /// Segments that follow each other in the engine's list.
    case segments([LivePart])
    /// Tables that follow each other in the engine's list, oldest first; `isOldest` when no older table exists.
    case tables([CatalogTable], isOldest: Bool)

    /// The numbers of the segments that are read.
    var segments: [Int] {
      if case .segments(let parts) = self { return parts.map(\.segment.id) }
      return []
    }

    /// The numbers of the tables that are read.
    var tables: [Int] {
      if case .tables(let tables, _) = self { return tables.map(\.id) }
      return []
    }
  }

  enum Output {
    /// Nil when nothing of the input was live.
    case segment(Segment?)
    case table(CatalogTable)
  }

  let disk: any Disk
  let input: Input
  let id: Int
  let panels: Panels.Kind
  let dimension: Int
  let weights: FieldWeights
  let nowMilliseconds: Int64

  /// - Parameter isCancelled: called from time to time; true makes the job fail with `CancellationError`.
  /// - Returns: what the engine takes over with `finish`.
  package func run(isCancelled: () -> Bool) -> MergeResult {
    do { return MergeResult(outcome: .success(try output(isCancelled))) } catch {
      for name in [Segment.name(id), CatalogTable.name(id)] {
        do { try disk.remove(name) } catch { continue }
      }
      return MergeResult(outcome: .failure(error))
    }
  }

  private func output(_ isCancelled: () -> Bool) throws -> Output {
    switch input {
    case .segments(let parts):
      let writer = SegmentWriter(
        disk, name: Segment.name(id), kind: panels, dimension: dimension, weights: weights,
        sources: parts.map(\.segment)
      ) { source, document in
        let expiry = parts[source].segment.expiry(of: document)
        return !parts[source].removed.contains(document) && (expiry == 0 || expiry > nowMilliseconds)
      }
      guard writer.documentCount > 0 else { return .segment(nil) }
      _ = try writer.write(isCancelled)
      return .segment(try Segment(disk, id: id))
    case .tables(let tables, let isOldest):
      try CatalogTable.merge(tables, isOldest: isOldest, to: disk, id: id, isCancelled)
      return .table(try CatalogTable(disk, id: id))
    }
  }
}
