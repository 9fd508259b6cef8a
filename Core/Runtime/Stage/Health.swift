import Foundation
import HTTP
import Services
import Synchronization
import Telemetry

/// What a process says of itself to probes.
package final class Health: Sendable {
  private struct State {
    var blockers: Set<String> = ["starting"]
    var failure: String?
  }
  private let state = Mutex(State())

  package init() {}

  /// The process is not ready while any blocker is set.
  package func block(_ reason: String) { state.withLock { _ = $0.blockers.insert(reason) } }
  package func unblock(_ reason: String) { state.withLock { _ = $0.blockers.remove(reason) } }
  /// The process works no more and must be restarted.
  package func fail(_ reason: String) { state.withLock { $0.failure = reason } }

  package var isReady: Bool { state.withLock { $0.blockers.isEmpty && $0.failure == nil } }
  package var failure: String? { state.withLock { $0.failure } }
  package var blockers: [String] { state.withLock { $0.blockers.sorted() } }
}

/// Serves `/metrics`, `/healthz` and `/readyz`.
package final class ProbeService: Service {
  package static let metricsPath = "/metrics"
  package static let livenessPath = "/healthz"
  package static let readinessPath = "/readyz"

  package let name = "probes"
  private let server: HTTPServer
  private let stopped = AsyncStream.makeStream(of: Void.self)

  /// - Parameter portFile: where the port is written, so that a supervisor finds it.
  /// - Throws: `HTTPFailure` when the address is taken.
  package init(host: String, port: Int, portFile: String?, health: Health, metrics: MetricsRegistry) throws {
    server = try HTTPServer.start(host: host, port: UInt16(port)) { path in
      switch path {
      case Self.metricsPath:
        return HTTPResponse(
          status: 200, contentType: .prometheus, body: PrometheusText.render(metrics.collect()))
      case Self.livenessPath:
        let failure = health.failure
        return HTTPResponse(status: failure == nil ? 200 : 503, body: (failure ?? "ok") + "\n")
      case Self.readinessPath:
        return HTTPResponse(
          status: health.isReady ? 200 : 503,
          body: health.isReady
            ? "ready\n" : (health.blockers + [health.failure ?? ""]).joined(separator: "\n") + "\n")
      default: return HTTPResponse(status: 404, body: "/metrics, /healthz or /readyz\n")
      }
    }
    if let portFile {
      try Data("\(server.port)\n".utf8).write(to: URL(fileURLWithPath: portFile), options: .atomic)
    }
  }

  package var port: UInt16 { server.port }

  package func run() async throws { for await _ in stopped.stream { break } }
  package func shutdown() async { stopped.continuation.finish() }
}

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
