/// Measures the time since its creation.
package struct Stopwatch: Sendable {
  private let start = ContinuousClock.now
  package init() {}
  package var milliseconds: Double { seconds * 1000 }
  package var seconds: Double { (ContinuousClock.now - start).seconds }
}
