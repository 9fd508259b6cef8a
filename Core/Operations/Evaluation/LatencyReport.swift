import Foundation
import Records
import Time

/// The latency of queries that are asked one at a time, in milliseconds.
package struct LatencyReport: Sendable {
  /// True when the answers came from the cache; false in mode retrieve.
  package var isCached: Bool
  /// From producing the query to consuming the answer.
  package var total: [Double] = []
  /// `total` without the work in the timings of the answer.
  package var overhead: [Double] = []
  package var waits: [(stage: String, p50: Double)] = []
  package var work: [(stage: String, p50: Double)] = []
  /// One record produced and consumed, after the same pause as before a query: an idle processor wakes up
  /// slowly.
  package var hop: [Double] = []
  /// The same without a pause: processor and caches are awake.
  package var hotHop: [Double] = []

  /// Why the probe's topic could not be deleted; nil when it was.
  package var warning: String?

  package init(isCached: Bool) { self.isCached = isCached }

  private func both(_ values: [Double]) -> (Double, Double) {
    (Percentile.of(values, 0.5), Percentile.of(values, 0.99))
  }

  package var json: JSONValue {
    .object([
      "queries": .int(total.count), "total_p50_ms": .double(both(total).0),
      "total_p99_ms": .double(both(total).1),
      "overhead_p50_ms": .double(both(overhead).0), "overhead_p99_ms": .double(both(overhead).1),
      "hop_p50_ms": .double(both(hop).0), "hop_p99_ms": .double(both(hop).1),
      "hop_back_to_back_p50_ms": .double(both(hotHop).0),
      "bar_cached_p50_ms": isCached ? .double(2 * both(hop).0 + 1.5) : nil,
      "overhead_in_hops_p50": .double(both(overhead).0 / max(0.001, both(hop).0)),
      "waits_p50_ms": .object(waits.map { JSONMember(name: $0.stage, value: .double($0.p50)) }),
      "work_p50_ms": .object(work.map { JSONMember(name: $0.stage, value: .double($0.p50)) }),
    ])
  }

  package var text: String {
    func line(_ name: String, _ values: [Double]) -> String {
      let (p50, p99) = both(values)
      return
        "\(name.padding(toLength: 34, withPad: " ", startingAt: 0)) p50 \(String(format: "%.2f", p50)) ms  "
        + "p99 \(String(format: "%.2f", p99)) ms"
    }
    var lines = [
      "\(total.count) queries, one at a time, \(isCached ? "answered from the cache" : "in mode retrieve")",
      line("query produced to answer consumed", total),
      line("of this, not work", overhead), line("bare hop, after the same pause", hop),
      line("bare hop, back to back", hotHop),
      "not work, in hops (p50): \(String(format: "%.2f", both(overhead).0 / max(0.001, both(hop).0)))",
    ]
    if isCached {
      lines.append(String(format: "two hops and 1.5 ms (the limit for p50): %.2f ms", 2 * both(hop).0 + 1.5))
    }
    for (wait, work) in zip(waits, self.work) {
      lines.append(
        "  \(wait.stage): waited \(String(format: "%.2f", wait.p50)) ms, "
          + "worked \(String(format: "%.2f", work.p50)) ms (p50)"
      )
    }
    return lines.joined(separator: "\n")
  }
}
