import Foundation
import Testing

// Goal: `up` and `down` handle user errors and killed processes. Method: each error and each kill, one by one.

@Suite(.serialized, .timeLimit(.minutes(20))) struct SupervisorTests {
  @Test("a second up in the same state folder is refused; pipelines in two state folders run together")
  func secondUp() throws {
    let pipeline = try Pipeline()
    let second = try pipeline.millrace(["up", "--detach"])
    #expect(second.code == 6 && second.error.contains("runs in"), "\(second.error)")
    #expect(second.error.contains("down --state \(pipeline.state)"), "\(second.error)")
    let log = try String(contentsOfFile: pipeline.state + "/logs/up.log", encoding: .utf8)
    #expect(log.contains("ready:") && !log.contains("already"), "the log is unchanged: \(log)")
    let other = try Pipeline()
    #expect(other.kafka != pipeline.kafka)
    let put = try other.millrace(["documents", "put", Pipeline.handbook + "/backups.md"])
    #expect(put.code == 0)
    #expect(try pipeline.array(["documents", "list"]).isEmpty)
    #expect(try other.array(["documents", "list"]).count == 1)
  }

  @Test("pipelines that start at the same moment get brokers of their own, although all prefer one port")
  func startedTogether() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("same-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let states = (0..<(Pipeline.isOnKafka ? 2 : 4)).map { "\(folder)/\($0)" }
    defer {
      for state in states { _ = try? Pipeline.run(Pipeline.binary, ["down", "--state", state]) }
      try? FileManager.default.removeItem(atPath: folder)
    }
    let ups = try states.map { state in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Pipeline.binary)
      process.arguments = ["up", "--detach", "--llm", "extractive", "--redis", "none", "--state", state]
      if Pipeline.isOnKafka { process.arguments? += ["--kafka-home", try #require(Pipeline.kafkaHome)] }
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      return process
    }
    for process in ups { process.waitUntilExit() }
    #expect(ups.map(\.terminationStatus) == ups.map { _ in 0 })
    for (number, state) in states.enumerated() {
      let put = try Pipeline.run(
        Pipeline.binary,
        ["documents", "put", Pipeline.handbook + "/backups.md", "--id", "\(number)", "--state", state])
      #expect(put.code == 0, "\(put.text)\(put.error)")
    }
    for (number, state) in states.enumerated() {
      let list = try Pipeline.run(Pipeline.binary, ["documents", "list", "--json", "--state", state])
      let rows = try JSONSerialization.jsonObject(with: Data(list.text.utf8)) as? [[String: Any]]
      #expect(rows?.map { $0["id"] as? String } == ["\(number)"], "\(list.text)\(list.error)")
    }
  }

  @Test(
    "a worker that crashes ends immediately and is restarted",
    .enabled(if: !Pipeline.isOnKafka, "runs on the local broker only"), arguments: [SIGABRT, SIGILL])
  func crash(_ number: Int32) throws {
    let pipeline = try Pipeline()
    let pid = try #require(pipeline.processes()["generate"])
    kill(pid, number)
    // If Swift printed a backtrace, the end would take half a minute.
    #expect(eventually(60) { !ProcessTable.isAlive(pid) })
    #expect(
      try eventually(20) {
        let new = try pipeline.processes()["generate"] ?? 0
        return try new > 0 && new != pid && pipeline.states()["generate"] == "running"
      })
  }

  @Test("after up itself was killed with -9, the next up ends the remaining processes and keeps the data")
  func supervisorKilled() throws {
    let pipeline = try Pipeline()
    let put = try pipeline.millrace(["documents", "put", Pipeline.handbook])
    #expect(put.code == 0)
    let old = try pipeline.processes()
    kill(try pipeline.supervisor(), SIGKILL)
    #expect(old.values.allSatisfy(ProcessTable.isAlive), "the children still run")
    let status = try pipeline.json(["status"])
    let states = (status["processes"] as? [[String: Any]] ?? []).compactMap { $0["state"] as? String }
    #expect(status["running"] as? Bool == false && Set(states) == ["unsupervised"], "\(states)")
    try pipeline.start()
    #expect(!old.values.contains(where: ProcessTable.isAlive), "the old children were ended")
    #expect(try pipeline.array(["documents", "list"]).count == 14)
    #expect(try pipeline.ask("How long are database backups kept?")["status"] as? String == "answered")
  }

  @Test("a state folder without a running pipeline is refused, even if another pipeline uses its port")
  func nothingRuns() throws {
    let pipeline = try Pipeline()
    let file = Pipeline.handbook + "/backups.md"
    let folder = pipeline.state + "/other"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let lines = folder + "/lines.jsonl"
    try ["0", "100"].map { #"{"timestamp_ms":\#($0),"id":"\#($0)","question":"When?"}"# }.joined(
      separator: "\n"
    ).write(
      toFile: lines, atomically: true, encoding: .utf8)
    func refused(_ words: [String]) throws {
      let output = try Pipeline.run(Pipeline.binary, words + ["--state", folder])
      #expect(
        output.code == 6 && output.error.contains("no pipeline runs in \(folder)"), "\(words): \(output)")
    }
    func all() throws {
      try refused(["documents", "put", file])
      try refused(["documents", "list"])
      try refused(["ask", "How long are backups kept?"])
      try refused(["ledger"])
      let replay = try Pipeline.run(
        Pipeline.loadgen, ["replay", lines, "--questions", lines, "--state", folder])
      #expect(replay.code == 6 && replay.error.contains("no pipeline runs in \(folder)"), "\(replay)")
    }
    try all()
    // As after a kill of `up` and its broker: workers remain, and another pipeline uses the recorded address.
    let record = try Data(contentsOf: URL(fileURLWithPath: pipeline.state + "/state.json"))
    var members = try #require(JSONSerialization.jsonObject(with: record) as? [String: Any])
    members["supervisorStartTime"] = 1
    members["processes"] = (members["processes"] as? [[String: Any]] ?? []).map {
      ["broker", "kafka"].contains($0["role"] as? String ?? "") ? $0.merging(["startTime": 1]) { $1 } : $0
    }
    try JSONSerialization.data(withJSONObject: members).write(
      to: URL(fileURLWithPath: folder + "/state.json"))
    try all()
    #expect(try pipeline.array(["documents", "list"]).isEmpty, "nothing was written to the running pipeline")
    let told = try Pipeline.run(
      Pipeline.binary,
      ["documents", "list", "--state", folder, "--kafka-bootstrap-servers", pipeline.kafka])
    #expect(told.code == 0, "an explicit broker is used: \(told)")
    // The pipeline of the nearest folder was ended, and another one has the default port.
    let work = pipeline.state + "/work"
    try FileManager.default.createDirectory(atPath: work + "/.millrace", withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: work + "/.millrace")
    try Data().write(to: URL(fileURLWithPath: work + "/.millrace/up.lock"))
    let found = try Pipeline.run(
      "/bin/sh", ["-c", "cd \(work) && exec \(Pipeline.binary) documents list"])
    #expect(found.code == 6 && found.error.contains("no pipeline runs in \(work)/.millrace"), "\(found)")
    let late = try Pipeline.run(
      "/bin/sh", ["-c", "cd \(work) && exec timeout 60 \(Pipeline.binary) worker ingest"])
    #expect(late.code == 6 && late.error.contains("no pipeline runs in \(work)/.millrace"), "\(late)")
    let worker = try Pipeline.run(
      "/usr/bin/timeout", ["60", Pipeline.binary, "worker", "ingest", "--state", pipeline.state])
    #expect(
      worker.code == 2 && worker.error.contains("--kafka-bootstrap-servers")
        && worker.error.contains(pipeline.kafka), "\(worker)")
  }

  @Test("down ends the processes of a killed up; down of a running up ends everything in order")
  func downAfterKill() throws {
    let pipeline = try Pipeline()
    let children = try pipeline.processes()
    kill(try pipeline.supervisor(), SIGKILL)
    let down = try pipeline.millrace(["down"])
    #expect(down.code == 0)
    #expect(!children.values.contains(where: ProcessTable.isAlive))
    try pipeline.start()
    let again = try pipeline.processes()
    #expect(try pipeline.millrace(["down"]).code == 0)
    #expect(!again.values.contains(where: ProcessTable.isAlive))
    let log = try String(contentsOfFile: pipeline.state + "/logs/ingest.log", encoding: .utf8)
    #expect(log.contains("Worker ended"), "the worker drained and exited")
  }

  @Test("port in use, missing Kafka home, unreachable broker, bad setting: a clear message, nothing left")
  func clearMessages() throws {
    let pipeline = try Pipeline()
    let port = try #require(pipeline.kafka.split(separator: ":").last).description
    let cases: [([String], String)] = [
      (["--broker-port", port], "the port is in use"),
      (["--kafka-home", "/nonexistent"], "kafka-server-start.sh is missing"),
      (["--kafka", "127.0.0.1:1"], "no broker answers"), (["--retrieve-top-k", "0"], "retrieve.topK"),
      (["--encoder-model-path", "/nonexistent"], "encoder.modelPath: '/nonexistent' must be a folder with"),
    ]
    for (options, message) in cases {
      let state = FileManager.default.temporaryDirectory.appendingPathComponent("bad-\(UUID().uuidString)")
        .path
      let start = Date()
      let result = try Pipeline.run(Pipeline.binary, ["up", "--detach", "--state", state] + options)
      #expect(result.code != 0, "\(options)")
      #expect(result.error.contains(message), "\(options): \(result.error)")
      #expect(Date().timeIntervalSince(start) < 30)
      let left = try Pipeline.run("/usr/bin/pgrep", ["-f", state])
      #expect(left.text.isEmpty, "\(options) leaves \(left.text)")
      try? FileManager.default.removeItem(atPath: state)
    }
  }

  @Test("the demo passes with its table of steps, and fails with a wrong table")
  func demo() throws {
    let pipeline = try Pipeline()
    let table = Pipeline.checkout + "/Workers/Millrace/Demo/steps.tsv"
    let good = try pipeline.millrace(["demo", "--documents", Pipeline.handbook, "--steps", table])
    #expect(good.code == 0, "\(good.text)\(good.error)")
    let broken = pipeline.state + "/broken.tsv"
    let rows =
      "step\twhat\tas\tdocument\twords\nask\tHow long are database backups kept?\t-\tbackups.md\tnine hundred days\n"
    try rows
      .write(toFile: broken, atomically: true, encoding: .utf8)
    let bad = try pipeline.millrace(["demo", "--documents", Pipeline.handbook, "--steps", broken])
    #expect(bad.code == 1 && bad.error.contains("nine hundred days"))
  }

  @Test(
    "errors on the command line have exit code 2 and a message",
    .enabled(if: !Pipeline.isOnKafka, "this test uses no broker"))
  func usage() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("none-\(UUID().uuidString)")
      .path
    for (words, message) in [
      (["ask"], "one question"), (["ask", "x", "--top-k", "0"], "--top-k"), (["nonsense"], "nonsense"),
      (["documents", "put", "/nonexistent"], "does not exist"),
      (["ask", "x", "--tenant", "a b"], "--tenant"),
      (["worker", "embed", "--lane", "x"], "--lane"),
      (["settings", "--freshness-stale-after", "soon"], "freshness.staleAfter"),
    ] {
      let result = try Pipeline.run(Pipeline.binary, words + ["--state", folder])
      #expect(result.code == 2 && result.error.contains(message), "\(words): \(result.code) \(result.error)")
    }
    let nobody = try Pipeline.run(
      Pipeline.binary,
      ["ask", "x", "--state", folder, "--kafka-bootstrap-servers", "127.0.0.1:1"])
    #expect(nobody.code == 6 && nobody.error.contains("millrace up"))
  }
}
