/// Adapts the number of records in a batch, so that a batch takes at most half of its time limit.
struct BatchSize {
  private let max: Int
  private let timeMax: Duration
  private(set) var current: Int

  init(max: Int, timeMax: Duration) {
    self.max = max
    self.timeMax = timeMax
    current = max
  }

  /// After a batch that took more than half of the limit, reduces the size to aim at a quarter. After a full batch that
  /// took less than an eighth, doubles the size.
  mutating func adapt(to time: Duration, of count: Int) {
    if time > timeMax / 2 {
      current = Swift.max(1, Int(Double(count) * (timeMax / 4 / time)))
    } else if time < timeMax / 8, count == current {
      current = min(max, current * 2)
    }
  }
}
