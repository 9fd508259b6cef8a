/// How many records a batch may hold: so many that it takes no longer than half of what it may.
struct BatchSize {
  private let max: Int
  private let timeMax: Duration
  private(set) var current: Int

  init(max: Int, timeMax: Duration) {
    self.max = max
    self.timeMax = timeMax
    current = max
  }

  /// Aims at a quarter of the time after a batch that took half of it; grows back while batches take an eighth.
  mutating func adapt(to time: Duration, of count: Int) {
    if time > timeMax / 2 {
      current = Swift.max(1, Int(Double(count) * (timeMax / 4 / time)))
    } else if time < timeMax / 8, count == current {
      current = min(max, current * 2)
    }
  }
}
