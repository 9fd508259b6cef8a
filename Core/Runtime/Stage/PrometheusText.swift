import Foundation
import Telemetry

/// Prometheus' text format, version 0.0.4, from OpenTelemetry names.
package enum PrometheusText {
  package static func render(_ families: [MetricsRegistry.Family]) -> String {
    var text = ""
    for family in families {
      let name = family.metric.prometheusName
      text += "# HELP \(name) \(family.metric.help)\n# TYPE \(name) \(family.metric.kind.rawValue)\n"
      for (_, sample) in family.samples.sorted(by: { $0.key < $1.key }) {
        if family.metric.kind == .histogram {
          for (index, count) in sample.bucketCounts.enumerated() {
            let bound = index < sample.bounds.count ? "\(sample.bounds[index])" : "+Inf"
            text += "\(name)_bucket\(labels(sample.labels + [("le", bound)])) \(count)\n"
          }
          text += "\(name)_sum\(labels(sample.labels)) \(sample.value)\n"
          text += "\(name)_count\(labels(sample.labels)) \(sample.count)\n"
        } else {
          text += "\(name)\(labels(sample.labels)) \(sample.value)\n"
        }
      }
    }
    return text
      + "# GPU utilisation is not measured here: the model server's exporter has it (DCGM_FI_DEV_GPU_UTIL).\n"
  }

  private static func labels(_ labels: [(name: String, value: String)]) -> String {
    guard !labels.isEmpty else { return "" }
    let parts = labels.map { label in
      let value = label.value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
        "\n", with: "\\n")
      return "\(label.name.replacing(".", with: "_"))=\"\(value)\""
    }
    return "{" + parts.joined(separator: ",") + "}"
  }
}
