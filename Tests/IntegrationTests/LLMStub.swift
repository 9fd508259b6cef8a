import Foundation
import HTTPClient
import Testing

/// Runs the chat endpoint of `Tests/Scripts/llm_stub.py` for the duration of a test.
final class LLMStub {
  let process = Process()
  let port: Int

  init() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("stub-\(UUID().uuidString)").path
    process.executableURL = URL(fileURLWithPath: Pipeline.python)
    process.arguments = [Pipeline.checkout + "/Tests/Scripts/llm_stub.py", file]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    var found: Int?
    _ = eventually(60) {
      found = (try? String(contentsOfFile: file, encoding: .utf8)).flatMap { Int($0) }
      return found != nil
    }
    try? FileManager.default.removeItem(atPath: file)
    port = try #require(found)
  }

  /// Uses SIGKILL, because a test's children inherit its blocked signals.
  deinit {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
  var url: String { "http://127.0.0.1:\(port)/v1" }

  /// The endpoint's report: the number of requests, and some facts about the last one.
  func report() throws -> [String: Any] {
    let page = try #require(HTTPProbe.get(host: "127.0.0.1", port: UInt16(port), path: "/count")).1
    return try #require(JSONSerialization.jsonObject(with: Data(page.utf8)) as? [String: Any])
  }

  func count() throws -> Int { try #require(try report()["count"] as? Int) }
}
