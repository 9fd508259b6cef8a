import Analysis
import Lexical
import VectorMath

/// How an engine analyses, stores and merges documents.
package struct IndexOptions: Sendable {
  /// The embedding model. An index of another model is not opened.
  package var model: String
  /// The number format of the panels of new segments.
  package var panels = Panels.Kind.bf16
  /// How texts become terms. An index of other rules is not opened.
  package var analysis = AnalysisRules()
  package var weights = FieldWeights()
  /// The head is stored as a segment when it has this many rows or bytes.
  package var headRowsMax = 8192
  package var headBytesMax = 64 << 20
  /// Chooses the segments to merge, by their live rows.
  package var segmentPolicy = MergePolicy(fanout: 4, smallest: 512, largest: 4_000_000)
  /// Chooses the catalog tables to merge, by their bytes.
  package var tablePolicy = MergePolicy(fanout: 4, smallest: 64 << 10, largest: 1 << 30)
  /// A segment is rewritten when more than this share of its rows has been removed or has expired.
  package var deadShareMax = 0.3

  package init(model: String) { self.model = model }
}
