import Foundation
import HTTPServer
import Services
import Telemetry

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
