import Foundation
import RedisClient
import Supervision
import Testing

// Goal: with rediss:// nobody between client and Redis can read the traffic or take the place of Redis. Method: a real
// redis-server, with trusted and untrusted certificates that openssl makes in the test.

@Suite(.timeLimit(.minutes(20))) struct RedisTLSTests {
  private static let server = "/usr/bin/redis-server"

  /// A running server, and the folder with its certificates.
  private final class Server {
    let folder: URL
    let port: UInt16
    private let process = Process()

    init() throws {
      folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "tls-\(UUID().uuidString.prefix(8))")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let made = """
        set -e; cd '\(folder.path)'
        for ca in ca other; do
          openssl req -x509 -newkey rsa:2048 -nodes -keyout $ca.key -out $ca.crt -days 2 -subj "/CN=$ca" 2>/dev/null
        done
        openssl req -newkey rsa:2048 -nodes -keyout r.key -out r.csr -subj /CN=redis 2>/dev/null
        printf 'subjectAltName=DNS:localhost' >names
        openssl x509 -req -in r.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names \\
          -out r.crt 2>/dev/null
        """
      let shell = Process()
      shell.executableURL = URL(fileURLWithPath: "/bin/sh")
      shell.arguments = ["-c", made]
      try shell.run()
      shell.waitUntilExit()
      port = try FreePort.find(preferred: 0)
      process.executableURL = URL(fileURLWithPath: RedisTLSTests.server)
      process.currentDirectoryURL = folder
      process.arguments = [
        "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", "r.crt", "--tls-key-file", "r.key",
        "--tls-ca-cert-file", "ca.crt", "--tls-auth-clients", "no", "--bind", "127.0.0.1", "--save", "",
        "--requirepass", "pass",
      ]
      process.standardOutput = FileHandle.nullDevice
      try process.run()
    }

    deinit {
      // Not SIGTERM: the child inherits the signal mask of Foundation's threads, which blocks it.
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      try? FileManager.default.removeItem(at: folder)
    }

    func client(_ host: String = "localhost", ca: String = "ca", scheme: String = "rediss") throws
      -> RedisClient
    {
      var address = try #require(RedisAddress("\(scheme)://:pass@\(host):\(port)"))
      address.caFile = ca.isEmpty ? "" : folder.appendingPathComponent("\(ca).crt").path
      return RedisClient(address, deadline: .seconds(5))
    }
  }

  private func failure(_ client: RedisClient) async -> String? {
    do {
      _ = try await client.send("PING")
      return nil
    } catch { return "\(error)" }
  }

  @Test(
    "values of any size arrive through TLS; an untrusted server, another name and plain text are refused",
    .enabled(if: FileManager.default.isExecutableFile(atPath: server), "redis-server is not installed"))
  func encrypted() async throws {
    let server = try Server()
    let client = try server.client()
    var start = await failure(client)
    for _ in 0..<100 where start != nil {
      try await Task.sleep(for: .milliseconds(100))
      start = await failure(client)
    }
    #expect(start == nil, "\(start ?? "")")
    for size in [0, 1, 16_384, 1_000_000] {
      let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      _ = try await client.send([[Array("SET".utf8), Array("k".utf8), value]])
      #expect(try await client.send("GET", "k").bytesValue == value, "\(size) bytes")
    }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask { try await client.send("ECHO", "\(number)").bytesValue == Array("\(number)".utf8) }
      }
      for try await isRight in group { #expect(isRight) }
    }
    let stranger = try #require(await failure(try server.client(ca: "other")))
    #expect(stranger.contains("certificate"), "\(stranger)")
    let system = try #require(await failure(try server.client(ca: "")))
    #expect(system.contains("certificate"), "\(system)")
    let name = try #require(await failure(try server.client("127.0.0.1")))
    #expect(name.contains("certificate"), "\(name)")
    let missing = try #require(await failure(try server.client(ca: "absent")))
    #expect(missing.contains("trusted certificates"), "\(missing)")
    #expect(await failure(try server.client(scheme: "redis")) != nil, "plain text to a TLS port")
  }
}
