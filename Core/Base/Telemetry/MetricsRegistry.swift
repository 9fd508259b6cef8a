import Synchronization

/// The metrics of one process. Names are OpenTelemetry's; `PrometheusText` in `Stage` renders them for
/// Prometheus.
package final class MetricsRegistry: Sendable {
  /// The kind of a metric family.
  package enum Kind: String, Sendable { case counter, gauge, histogram }

  /// One labelled series, as `collect()` returns it.
  package struct Sample: Sendable {
    package var labels: [(name: String, value: String)]
    package var value: Double
    /// Upper bounds of a histogram.
    package var bounds: [Double] = []
    /// Cumulative counts per bound, the last one for infinity. Empty unless the family is a histogram.
    package var bucketCounts: [UInt64]
    package var count: UInt64
  }

  /// All series of one name.
  package struct Family: Sendable {
    package var metric: MetricName
    package var samples: [String: Sample]
  }

  private let families = Mutex<[String: Family]>([:])
  private let collectors = Mutex<[@Sendable (MetricsRegistry) -> Void]>([])

  /// Upper bounds of duration histograms, in seconds: from one hop between two stages to five minutes.
  package static let bounds: [Double] = [
    0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
  ]

  /// Upper bounds of token histograms.
  package static let tokenBounds: [Double] = [
    1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 65_536,
  ]

  package init() {}

  /// Adds a family before its first value, so that a dashboard finds it on every worker.
  package func declare(_ metric: MetricName) {
    families.withLock { families in
      if families[metric.name] == nil {
        families[metric.name] = Family(metric: metric, samples: [:])
      }
    }
  }

  /// Adds to a counter.
  package func increment(_ metric: MetricName, by amount: Double = 1, _ labels: Labels = []) {
    update(metric, labels) { $0.value += amount }
  }

  /// Sets a gauge.
  package func set(_ metric: MetricName, to value: Double, _ labels: Labels = []) {
    update(metric, labels) { $0.value = value }
  }

  /// Removes a series, whose last value would otherwise stay for ever.
  package func remove(_ metric: MetricName, _ labels: Labels) {
    families.withLock { _ = $0[metric.name]?.samples.removeValue(forKey: Self.key(labels)) }
  }

  /// Records one duration in seconds.
  package func observe(_ metric: MetricName, seconds: Double, _ labels: Labels = []) {
    observe(metric, seconds, Self.bounds, labels)
  }

  /// Records the tokens of one request.
  package func observe(_ metric: MetricName, tokens: Int, _ labels: Labels = []) {
    observe(metric, Double(tokens), Self.tokenBounds, labels)
  }

  private func observe(_ metric: MetricName, _ value: Double, _ bounds: [Double], _ labels: Labels) {
    update(metric, labels) { sample in
      if sample.bucketCounts.isEmpty {
        sample.bounds = bounds
        sample.bucketCounts = Array(repeating: 0, count: bounds.count + 1)
      }
      for (index, bound) in bounds.enumerated() where value <= bound { sample.bucketCounts[index] += 1 }
      sample.bucketCounts[bounds.count] += 1
      sample.value += value
      sample.count += 1
    }
  }

  /// Registers a closure that sets gauges just before they are read.
  package func onCollect(_ collector: @escaping @Sendable (MetricsRegistry) -> Void) {
    collectors.withLock { $0.append(collector) }
  }

  /// All families in name order.
  package func collect() -> [Family] {
    for collector in collectors.withLock({ $0 }) { collector(self) }
    return families.withLock { $0.values.sorted { $0.metric.name < $1.metric.name } }
  }

  private static func key(_ labels: Labels) -> String {
    labels.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
  }

  private func update(_ metric: MetricName, _ labels: Labels, _ change: (inout Sample) -> Void) {
    let key = Self.key(labels)
    families.withLock { families in
      var family =
        families[metric.name] ?? Family(metric: metric, samples: [:])
      var sample = family.samples[key] ?? Sample(labels: labels, value: 0, bucketCounts: [], count: 0)
      change(&sample)
      family.samples[key] = sample
      families[metric.name] = family
    }
  }
}
