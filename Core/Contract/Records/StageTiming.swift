/// One stage's share of a query's time.
package struct StageTiming: Sendable, Equatable {
  package var stage: String
  /// From the moment the former stage sent the record (or the broker appended the query) to the moment
  /// this one took it.
  package var waitMilliseconds: Double
  package var workMilliseconds: Double

  package init(stage: String, waitMilliseconds: Double, workMilliseconds: Double) {
    self.stage = stage
    self.waitMilliseconds = waitMilliseconds
    self.workMilliseconds = workMilliseconds
  }
}
