/// The time that a query spent in one stage.
package struct StageTiming: Sendable, Equatable {
  package var stage: String
  /// The time between the previous stage sending the record (or the broker appending the query) and this
  /// stage taking it.
  package var waitMilliseconds: Double
  package var workMilliseconds: Double

  package init(stage: String, waitMilliseconds: Double, workMilliseconds: Double) {
    self.stage = stage
    self.waitMilliseconds = waitMilliseconds
    self.workMilliseconds = workMilliseconds
  }
}
