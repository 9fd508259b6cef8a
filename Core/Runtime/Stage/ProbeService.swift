import Foundation
import HTTPServer
import Services
import Telemetry

/// Serves `/metrics`, `/healthz` and `/readyz`, and `/status` where the worker has a report.
package final class ProbeService: Service {
  package static let metricsPath = "/metrics"
  package static let livenessPath = "/healthz"
  package static let readinessPath = "/readyz"
  /// The state of a search worker's index, as JSON.
  package static let statusPath = "/status"

  package let name = "probes"
  private let server: HTTPServer
  private let stopped = AsyncStream.makeStream(of: Void.self)

  /// - Parameter portFile: the path of a file to which the port is written, so that a supervisor finds it.
  /// - Throws: `HTTPFailure` when the address is taken; the system's error when the port file can't be
  ///   written.
  package init(host: String, port: Int, portFile: String?, health: Health, metrics: MetricsRegistry) throws {
    server = try HTTPServer.start(host: host, port: UInt16(port)) { exchange in
      exchange.respond(Self.response(to: exchange.request, health, metrics))
    }
    if let portFile {
      try Data("\(server.port)\n".utf8).write(to: URL(fileURLWithPath: portFile), options: .atomic)
    }
  }

  private static func response(
    to request: HTTPServerRequest, _ health: Health, _ metrics: MetricsRegistry
  ) -> HTTPResponse {
    guard ["GET", "HEAD"].contains(request.method) else {
      return HTTPResponse(
        status: 405, headers: [("Allow", "GET, HEAD")], body: "only GET and HEAD are served here\n")
    }
    switch request.path {
    case metricsPath:
      return HTTPResponse(
        status: 200, contentType: .prometheus, body: PrometheusText.render(metrics.collect()))
    case livenessPath:
      let failure = health.failure
      return HTTPResponse(status: failure == nil ? 200 : 503, body: (failure ?? "ok") + "\n")
    case readinessPath:
      return HTTPResponse(
        status: health.isReady ? 200 : 503,
        body: health.isReady
          ? "ready\n" : (health.blockers + [health.failure ?? ""]).joined(separator: "\n") + "\n")
    case statusPath:
      guard let report = health.report else {
        return HTTPResponse(status: 404, body: "only search workers serve \(statusPath)\n")
      }
      return HTTPResponse(status: 200, contentType: .json, body: report() + "\n")
    default: return HTTPResponse(status: 404, body: "use /metrics, /healthz, /readyz or /status\n")
    }
  }

  package var port: UInt16 { server.port }

  /// Returns after `shutdown()`. The server runs from `init` on.
  ///
  /// - Throws: Nothing.
  package func run() async throws { for await _ in stopped.stream { break } }
  package func shutdown() async { stopped.continuation.finish() }
}
