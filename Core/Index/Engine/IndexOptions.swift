import Analysis
import Lexical
import VectorMath

/// How an engine stores and merges.
package struct IndexOptions: Sendable {
  /// The embedding model. An index of another model is not opened.
  package var model: String
  /// What new segments' panels hold.
  package var panels = Panels.Kind.bf16
  /// How texts become terms. An index of other rules is not opened.
  package var analysis = AnalysisRules()
  package var weights = FieldWeights()
  /// Rows and bytes in memory at which a segment is sealed.
  package var headRowsMax = 8192
  package var headBytesMax = 64 << 20
  /// By live rows.
  package var segmentPolicy = MergePolicy(fanout: 4, smallest: 512, largest: 4_000_000)
  /// By bytes.
  package var tablePolicy = MergePolicy(fanout: 4, smallest: 64 << 10, largest: 1 << 30)
  /// A segment of which more than this share is removed or expired is written anew.
  package var deadShareMax = 0.3

  package init(model: String) { self.model = model }
}
