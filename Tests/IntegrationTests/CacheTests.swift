// swift-format-ignore-file: NeverForceUnwrap
import Caching
import Foundation
import RedisClient
import Testing

// Goal: a cache never serves a stale answer or another tenant's, and faults of Redis only cause cache misses. Method: a
// real Redis is suspended, killed, filled, restored from an old dump, and given old and forged entries; metrics and
// answers are checked.

private func documents(_ answer: [String: Any]) -> [String] {
  ((answer["citations"] as? [[String: Any]]) ?? []).compactMap { $0["document_id"] as? String }
}

private func quote(_ answer: [String: Any]) -> String {
  ((answer["citations"] as? [[String: Any]]) ?? []).compactMap { $0["quote"] as? String }.joined(
    separator: " ")
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct CacheTests {
  private let question = "Which colour is the harbour lamp painted?"

  private func put(_ pipeline: Pipeline, _ colour: String, _ options: [String] = []) throws {
    let put = try pipeline.millrace(
      ["documents", "put", "-", "--id", "lamp"] + options, input: "The harbour lamp is painted \(colour).")
    #expect(put.code == 0, "\(put.error)")
  }

  private func isHit(_ answer: [String: Any]) -> Bool { answer["cache"] as? String == "exact" }

  private func misses(_ pipeline: Pipeline, _ reason: String) throws -> Double {
    try pipeline.metric(
      "millrace_cache_requests_total", of: "embed-queries", "cache=\"answers\"", "reason=\"\(reason)\"")
  }

  private func client(_ pipeline: Pipeline) throws -> RedisClient {
    let text = try #require(pipeline.json(["status"])["endpoints"] as? [String: String])["redis"]
    return RedisClient(try #require(RedisAddress(text ?? "")), deadline: .seconds(2))
  }

  @Test("a repeated question is a hit until the document changes; a question with another key is a miss")
  func hits() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    try put(pipeline, "red")
    #expect(!isHit(try pipeline.ask(question)))
    let second = try pipeline.askCached("  Which colour   is the harbour lamp painted? ")
    #expect(isHit(second) && quote(second) == "The harbour lamp is painted red.")
    #expect((second["usage"] as? [String: Any])?["completion_tokens"] as? Int == 0)
    let timings = try #require(second["timings_ms"] as? [String: Any])
    #expect(timings.keys.sorted() == ["embed"])
    for options in [
      ["--tenant", "other"], ["--principal", "boss"], ["--top-k", "3"], ["--cache", "bypass"],
      ["--cache", "refresh"],
    ] {
      #expect(!isHit(try pipeline.ask(question, options)), "\(options)")
    }
    #expect(
      isHit(try pipeline.askCached(question, ["--principal", "boss"])), "cached under its own principals")
    try put(pipeline, "green")
    let excused = try pipeline.excusedMisses()
    let third = try pipeline.ask(question)
    #expect(!isHit(third) && quote(third) == "The harbour lamp is painted green.")
    #expect(try misses(pipeline, "stale") >= 1 || pipeline.excusedMisses() > excused)
    #expect(isHit(try pipeline.askCached(question)))
    #expect(try pipeline.millrace(["documents", "delete", "lamp"]).code == 0)
    #expect(try pipeline.ask(question)["status"] as? String == "refused")
    let again = try pipeline.ask(question)
    #expect(again["status"] as? String == "refused" && !isHit(again), "refusals are not cached")
    // A principal who may not read the document gets nothing of it from the cache.
    try put(pipeline, "gold", ["--acl", "boss"])
    #expect(quote(try pipeline.ask(question, ["--principal", "boss"])).contains("gold"))
    #expect(isHit(try pipeline.askCached(question, ["--principal", "boss"])))
    #expect(try pipeline.ask(question)["status"] as? String == "refused")
    #expect(try pipeline.ask(question, ["--principal", "guest"])["status"] as? String == "refused")
  }

  @Test("Redis suspended, killed or full: cache misses, answers continue, only Redis is restarted")
  func badDays() throws {
    let pipeline = try Pipeline(["--llm", "extractive", "--redis-deadline", "500ms"])
    try put(pipeline, "red")
    _ = try pipeline.ask(question)
    let pid = try #require(try pipeline.processes()["redis"])
    kill(pid, SIGSTOP)
    for _ in 0..<3 {
      let answer = try pipeline.ask(question)
      #expect(!isHit(answer) && quote(answer).contains("red"))
    }
    #expect(try misses(pipeline, "timeout") >= 1)
    let changed = try pipeline.millrace(
      ["documents", "put", "-", "--id", "other"], input: "The gate of the harbour is painted white.")
    #expect(changed.code == 0, "documents are indexed without the embedding cache")
    kill(pid, SIGCONT)
    #expect(try eventually { try isHit(pipeline.ask(question)) }, "Redis is used again")
    kill(pid, SIGKILL)
    #expect(try quote(pipeline.ask(question)).contains("red"))
    #expect(try eventually { try pipeline.processes()["redis"] ?? pid != pid })
    // The new Redis is empty: one miss, then hits.
    #expect(try eventually { try isHit(pipeline.ask(question)) })
    let address = try #require((pipeline.json(["status"])["endpoints"] as? [String: String])?["redis"])
    func redis(_ words: String...) throws -> String {
      try Pipeline.run("/usr/bin/redis-cli", ["-s", address.replacing("unix://", with: "")] + words).text
    }
    #expect(try redis("config", "set", "maxmemory-policy", "noeviction").contains("OK"))
    #expect(try redis("config", "set", "maxmemory", "1").contains("OK"))
    try put(pipeline, "green")
    // Generate counts a failure after it has sent the answer.
    let areCounted = try eventually {
      let answer = try pipeline.ask(question)
      #expect(!isHit(answer) && quote(answer).contains("green"))
      return try pipeline.metric(
        "millrace_cache_write_failures_total", of: "generate", "reason=\"refused\"") >= 2
    }
    #expect(areCounted)
    for (role, count) in try pipeline.restarts() where role != "redis" { #expect(count == 0, "\(role)") }
  }

  @Test("an outdated or invalid entry, from a late writer, a restore or an error, is a miss")
  func lateWriter() async throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    let redis = try client(pipeline)
    try put(pipeline, "red")
    _ = try pipeline.ask(question)
    let keys = try await redis.send("KEYS", "millrace:answer:*")
    guard case .array(let names) = keys, let name = names.first?.bytesValue else {
      Issue.record("no entry: \(keys)")
      return
    }
    let old = try #require(try await redis.send([[Array("GET".utf8), name]])[0].bytesValue)
    #expect(isHit(try pipeline.askCached(question)))
    try put(pipeline, "green")
    func write(_ bytes: [UInt8]) async throws {
      _ = try await redis.send([[Array("SET".utf8), name, bytes]])
    }
    // The same as after a restored dump, or when an answer was stored after its document changed.
    for _ in 0..<5 where try misses(pipeline, "stale") == 0 {
      let excused = try pipeline.excusedMisses()
      try await write(old)
      let answer = try pipeline.ask(question)
      #expect(!isHit(answer) && quote(answer).contains("green"))
      if try pipeline.excusedMisses() == excused { break }
    }
    #expect(try misses(pipeline, "stale") >= 1)
    // A worker of an earlier release or with a wrong clock has the key too, so the seal of its entries is valid.
    let seal = CacheSeal(
      secret: Array(
        try String(contentsOfFile: pipeline.state + "/cache.key", encoding: .utf8).utf8.dropLast()))
    func writeSealed(_ payload: [UInt8]) async throws { try await write(seal.seal(payload, under: name)) }
    // An entry that is too old according to its own timestamp, although Redis still has it.
    let entry = try #require(try await redis.send([[Array("GET".utf8), name]])[0].bytesValue)
    let text = String(decoding: try #require(seal.open(entry, under: name)), as: UTF8.self)
    let madeAt = try #require(text.firstMatch(of: /"made_at":(\d+)/)?.1)
    try await writeSealed(Array(text.replacing(madeAt, with: "\(Int64(madeAt)! - 3_600_000)").utf8))
    #expect(!isHit(try pipeline.ask(question)))
    #expect(try misses(pipeline, "expired") >= 1)
    // The entry of another question under this key, and then invalid bytes.
    _ = try pipeline.ask("What is painted in the harbour?")
    guard case .array(let all) = try await redis.send("KEYS", "millrace:answer:*") else { return }
    let other = try #require(all.compactMap(\.bytesValue).first { $0 != name })
    let others = try #require(try await redis.send([[Array("GET".utf8), other]])[0].bytesValue)
    try await write(others)
    #expect(!isHit(try pipeline.ask(question)))
    try await writeSealed(try #require(seal.open(others, under: other)))
    #expect(!isHit(try pipeline.ask(question)))
    let lowest = text.replacing(madeAt, with: "\(Int64.min)")
    for rubbish in [Array(lowest.utf8), [], [0xFF], Array("{}".utf8), Array(old[32...].prefix(100))] {
      try await write(rubbish)
      #expect(!isHit(try pipeline.ask(question)))
      try await writeSealed(rubbish)
      #expect(!isHit(try pipeline.ask(question)))
    }
    #expect(try misses(pipeline, "bad_entry") >= 6)
    #expect(try misses(pipeline, "unverified") >= 6)
    for (_, count) in try pipeline.restarts() { #expect(count == 0) }
  }

  @Test("a Redis restored from an old dump serves no answer whose documents changed since")
  func restoredDump() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("redis-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let port = "\(29_000 + Int(getpid()) % 1000)"
    func start() throws -> Process {
      let server = Process()
      server.executableURL = URL(fileURLWithPath: "/usr/bin/redis-server")
      server.arguments = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
      server.standardOutput = FileHandle.nullDevice
      try server.run()
      #expect(try eventually { try redis("ping").contains("PONG") })
      return server
    }
    func redis(_ words: String...) throws -> String {
      try Pipeline.run("/usr/bin/redis-cli", ["-p", port] + words).text
    }
    func stop(_ server: Process) {
      kill(server.processIdentifier, SIGKILL)
      server.waitUntilExit()
    }
    var server = try start()
    defer { stop(server) }
    let pipeline = try Pipeline(["--llm", "extractive", "--redis", "redis://127.0.0.1:\(port)"])
    try put(pipeline, "red")
    _ = try pipeline.ask(question)
    #expect(isHit(try pipeline.askCached(question)))
    #expect(try redis("save").contains("OK"))
    try put(pipeline, "green")
    let excused = try pipeline.excusedMisses()
    #expect(try quote(pipeline.ask(question)).contains("green"))
    stop(server)
    server = try start()  // loads the dump, with the answer "red"
    #expect(try eventually { try misses(pipeline, "stale") >= 2 || !isHit(pipeline.ask(question)) })
    for _ in 0..<3 { #expect(try quote(pipeline.ask(question)).contains("green")) }
    #expect(try misses(pipeline, "stale") >= 2 || pipeline.excusedMisses() > excused)
    #expect(try pipeline.restarts().values.allSatisfy { $0 == 0 })
  }

  @Test("unchanged chunks are not embedded again")
  func embeddings() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    func embedded() throws -> Double {
      try pipeline.metric("millrace_embedded_chunks_total", of: "embed-documents")
    }
    func put(_ text: String) throws {
      let put = try pipeline.millrace(["documents", "put", "-", "--id", "long"], input: text)
      #expect(put.code == 0, "\(put.error)")
    }
    let parts = (0..<8).map { part in
      "# Part \(part)\n\n"
        + (0..<20).map { "Sentence \($0) of part \(part) speaks of pump \(part * 20 + $0)." }
        .joined(separator: " ")
    }
    try put(parts.joined(separator: "\n\n"))
    let first = try embedded()
    #expect(first >= 8)
    var changed = parts
    changed[3] += " A new sentence stands here."
    try put(changed.joined(separator: "\n\n"))
    #expect(try embedded() - first <= 2, "only changed chunks are embedded again")
    #expect(
      try pipeline.metric(
        "millrace_cache_requests_total", of: "embed-documents", "cache=\"embeddings\"", "result=\"hit\"") >= 6
    )
    let found = try pipeline.json(["search", "A new sentence stands here"])
    #expect(documents(found).contains("long"))
  }

  @Test("an answer or a vector that was forged in Redis is never used: it is a miss")
  func forged() async throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    try put(pipeline, "red")
    _ = try pipeline.ask(question)
    #expect(isHit(try pipeline.askCached(question)))
    let redis = try client(pipeline)
    guard case .array(let keys) = try await redis.send("KEYS", "millrace:answer:*") else { return }
    let key = try #require(keys.first?.bytesValue)
    let entry = try #require(try await redis.send([[Array("GET".utf8), key]])[0].bytesValue)
    // Change the text of the answer and of its quote. The lengths and everything else stay the same.
    let text = String(decoding: entry[32...], as: UTF8.self)
    #expect(text.contains("painted red"))
    let forged = entry[..<32] + Array(text.replacingOccurrences(of: "painted red", with: "painted tan").utf8)
    _ = try await redis.send([[Array("SET".utf8), key, Array(forged)]])
    let answer = try pipeline.ask(question)
    #expect(!isHit(answer) && quote(answer) == "The harbour lamp is painted red.")
    #expect(try misses(pipeline, "unverified") == 1)
    // Vectors are cached for longer than answers. A forged vector is a miss, too.
    guard case .array(let vectors) = try await redis.send("KEYS", "millrace:embedding:*") else { return }
    for key in vectors.compactMap(\.bytesValue) {
      let entry = try #require(try await redis.send([[Array("GET".utf8), key]])[0].bytesValue)
      var changed = entry
      changed[40] ^= 1
      _ = try await redis.send([[Array("SET".utf8), key, changed]])
    }
    let again = try pipeline.millrace(
      ["documents", "put", "-", "--id", "lamp2"], input: "The harbour lamp is painted red.")
    #expect(again.code == 0)
    #expect(
      try pipeline.metric(
        "millrace_cache_requests_total", of: "embed-documents", "cache=\"embeddings\"",
        "reason=\"unverified\"")
        == 1)
  }
}
