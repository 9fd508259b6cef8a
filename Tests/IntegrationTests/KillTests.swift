import Foundation
import Testing

// Goal: the pipeline can be killed at any point, and stops in order even without a broker. Method: SIGKILL under load,
// after which every acknowledged record must exist once and no record may have two states; SIGTERM while the broker is
// away and during a long batch.

@Suite(.serialized, .timeLimit(.minutes(20))) struct KillTests {
  @Test(
    "SIGKILL of the local broker at random moments: each acknowledged record exists once, in order",
    .enabled(if: !Pipeline.isOnKafka, "this test is for the local broker"))
  func localBroker() throws {
    // Tests/Benchmarks/README.md documents a run with 50 kills.
    let output = try Pipeline.run(
      Pipeline.python, [Pipeline.checkout + "/Tests/Scripts/broker_kills.py", Pipeline.binary, "20"])
    print("broker killed at random moments: \(output.text)")
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }

  @Test("SIGKILL of the broker under a pipeline: every acknowledged record exists, and no worker crashes")
  func broker() throws {
    let pipeline = try Pipeline()
    let log = pipeline.state + "/acked.txt"
    let producer = Process()
    producer.executableURL = URL(fileURLWithPath: Pipeline.python)
    producer.arguments = [Pipeline.checkout + "/Tests/Scripts/produce_until_stopped.py", pipeline.kafka, log]
    try producer.run()
    defer { _ = FileManager.default.createFile(atPath: log + ".stop", contents: nil) }
    // Kill Apache Kafka fewer times: its durability is not ours to test, and it restarts slowly.
    for round in 0..<(Pipeline.isOnKafka ? 3 : 5) {
      let before = (try? String(contentsOfFile: log, encoding: .utf8))?.count ?? 0
      let isGoingOn = eventually(150) {
        ((try? String(contentsOfFile: log, encoding: .utf8))?.count ?? 0) > before + 2000
      }
      #expect(isGoingOn, "records are acknowledged again before kill \(round)")
      let pid = try #require(try pipeline.processes()[Pipeline.brokerRole])
      kill(pid, SIGKILL)
      #expect(
        try eventually(60) { try pipeline.processes()[Pipeline.brokerRole] ?? pid != pid },
        "the supervisor restarts the broker")
    }
    _ = FileManager.default.createFile(atPath: log + ".stop", contents: nil)
    producer.waitUntilExit()
    let check = try Pipeline.run(
      Pipeline.python, [Pipeline.checkout + "/Tests/Scripts/check_acked.py", pipeline.kafka, log])
    print("broker killed: \(check.text)")
    #expect(check.code == 0, "\(check.text)\(check.error)")
    // The pipeline continues by itself, and no worker was restarted.
    let put = try pipeline.millrace(["documents", "put", Pipeline.handbook])
    #expect(put.code == 0 && put.text.contains("14 indexed"), "\(put.text)\(put.error)")
    #expect(try pipeline.ask("How long are database backups kept?")["status"] as? String == "answered")
    for (role, count) in try pipeline.restarts() where role != Pipeline.brokerRole {
      #expect(count == 0, "\(role)")
    }
  }

  @Test(
    "ingest, embed and search killed with -9: every document is indexed once, search equals brute force",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"))
  func pools() throws {
    // Retrieve must wait for a shard that is late after the last kill: without its hits the answer differs from the
    // scan.
    let pipeline = try Pipeline(["--shards", "2", "--retrieve-wait", "10s"])
    let data = try #require(Pipeline.shared) + "/data/qa/squad2-dev"
    let lines = try String(contentsOfFile: data + "/documents.jsonl", encoding: .utf8).split(separator: "\n")
      .prefix(400)
    let file = pipeline.state + "/some.jsonl"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    let put = Process()
    put.executableURL = URL(fileURLWithPath: Pipeline.binary)
    put.arguments = ["documents", "put", file, "--tenant", "eval", "--state", pipeline.state]
    put.standardOutput = FileHandle.nullDevice
    try put.run()
    for role in ["ingest", "embed-documents", "search-0", "search-1", "embed-documents", "ingest"] {
      Thread.sleep(forTimeInterval: 1)
      if let pid = try pipeline.processes()[role] { kill(pid, SIGKILL) }
    }
    put.waitUntilExit()
    #expect(put.terminationStatus == 0, "all documents reached a terminal state")
    let events = try pipeline.kcat(["-C", "-t", "rag.document-status", "-o", "beginning", "-e", "-q"]).text
    var terminal: [String: [String]] = [:]
    for line in events.split(separator: "\n") {
      guard let event = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let id = event["id"] as? String, let state = event["state"] as? String,
        let version = event["version"] as? String
      else { continue }
      if state != "accepted" { terminal["\(id)@\(version)", default: []].append(state) }
    }
    #expect(terminal.count == 400)
    for (version, states) in terminal { #expect(states == ["indexed"], "\(version): \(states)") }
    let report = try pipeline.json([
      "eval", "retrieval", "--questions", data + "/questions.jsonl", "--limit", "200", "--verify",
    ])
    #expect(report["mismatches"] as? Int == 0, "\(report)")
    for mode in ["hybrid", "dense", "lexical"] {
      #expect((report[mode] as? [String: Any])?["missing"] as? Int == 0, "\(report)")
    }
  }

  @Test(
    "query pools, Redis and broker killed with -9 while documents change: nothing lost or stale",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"))
  func queries() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    let folder = try Squad.subset(of: try #require(Pipeline.shared), documents: 150, in: pipeline.state)
    #expect(try pipeline.millrace(["documents", "put", folder + "/documents.jsonl"]).code == 0)
    let check = Process()
    let output = Pipe()
    check.executableURL = URL(fileURLWithPath: Pipeline.python)
    check.arguments = [
      Pipeline.checkout + "/Tests/Scripts/stale_check.py", pipeline.kafka, folder, folder + "/trace.jsonl",
      Pipeline.isOnKafka ? "300" : "500", "30", "10",
    ]
    check.standardOutput = output
    try check.run()
    let once = ["embed-queries", "redis", "generate", "retrieve", "search-0", Pipeline.brokerRole]
    for role in once + (Pipeline.isOnKafka ? [] : ["redis", "embed-queries", "generate", "embed-queries"]) {
      Thread.sleep(forTimeInterval: 4)
      if let pid = try pipeline.processes()[role] { kill(pid, SIGKILL) }
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    check.waitUntilExit()
    print("killed during queries: \(text)")
    #expect(check.terminationStatus == 0, "\(text)")
    let report = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    // A busy machine must not turn the drill into one in which nothing is answered or cached.
    let states = report["states"] as? [String: Int] ?? [:]
    let worked = (states["answered"] ?? 0) + (states["refused"] ?? 0)
    #expect(worked * 2 >= report["asked"] as? Int ?? .max, "\(report)")
    #expect(report["hits"] as? Int ?? 0 >= (Pipeline.isOnKafka ? 1 : 5), "the cache was in use: \(report)")
  }

  @Test(
    "SIGTERM while the broker is killed or suspended, when idle and during work: each worker exits with 0",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"), arguments: [SIGKILL, SIGSTOP])
  func terminatedWithoutBroker(_ number: Int32) throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    let waiting = Process()
    waiting.executableURL = URL(fileURLWithPath: Pipeline.binary)
    waiting.arguments = [
      "worker", "ingest", "--http-port", "0", "--kafka-bootstrap-servers", "127.0.0.1:1",
    ]
    waiting.standardError = FileHandle.nullDevice
    try waiting.run()

    let data = try #require(Pipeline.shared) + "/data/qa/squad2-dev"
    let load = Process()
    load.executableURL = URL(fileURLWithPath: Pipeline.binary)
    load.arguments = ["documents", "put", data + "/documents.jsonl", "--state", pipeline.state]
    load.standardOutput = FileHandle.nullDevice
    load.standardError = FileHandle.nullDevice
    try load.run()
    defer { load.terminate() }
    for number in 0..<40 {
      let query = #"{"id":"term-\#(number)","text":"What did the Normans build?"}"#
      #expect(try pipeline.kcat(["-P", "-t", "rag.queries"], input: query).code == 0)
    }
    Thread.sleep(forTimeInterval: 2)
    let pids = try pipeline.processes()
    let supervisor = try pipeline.supervisor()
    // A suspended supervisor restarts nothing, and reports the exit statuses when it continues.
    kill(supervisor, SIGSTOP)
    let broker = try #require(pids[Pipeline.brokerRole])
    kill(broker, number)
    let workers = pids.filter { !["broker", "kafka", "redis", "llm"].contains($0.key) }
    #expect(workers.count == 6)
    kill(waiting.processIdentifier, SIGTERM)
    for pid in workers.values { kill(pid, SIGTERM) }
    let haveEnded = eventually(40) { workers.values.allSatisfy(ProcessTable.isZombie) }
    #expect(haveEnded, "all workers end")
    kill(broker, SIGCONT)
    kill(supervisor, SIGCONT)
    waiting.waitUntilExit()
    #expect(waiting.terminationStatus == 0, "a worker that never reached a broker")
    let log = pipeline.state + "/logs/up.log"
    let areReported = try eventually(60) {
      let text = try String(contentsOfFile: log, encoding: .utf8)
      return workers.keys.allSatisfy { text.contains("\($0) ended") }
    }
    let text = try String(contentsOfFile: log, encoding: .utf8)
    for role in workers.keys { #expect(text.contains("\(role) ended (status 0)"), "\(role): \(text)") }
    #expect(areReported)
    #expect(
      try eventually(180) { try pipeline.states().values.allSatisfy { $0 == "running" } }, "all are restarted"
    )
  }

  @Test(
    "SIGTERM during a batch that takes longer than the drain: exit with 0, the batch is redelivered",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"))
  func terminatedInLongBatch() throws {
    // fp32 is the slowest numeric class, so the batch takes long on every processor.
    let pipeline = try Pipeline([
      "--worker-grace-deadline", "32s", "--kafka-session-timeout", "60s", "--encoder-precision", "fp32",
    ])
    let data = try #require(Pipeline.shared) + "/data/qa/squad2-dev/documents.jsonl"
    // About ten seconds of work for the encoder.
    let text = try String(contentsOfFile: data, encoding: .utf8).split(separator: "\n").prefix(400)
      .compactMap { line in
        (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["text"] as? String
      }.joined(separator: "\n\n")
    let file = pipeline.state + "/long.txt"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let pid = try #require(pipeline.processes()["embed-documents"])
    let idle = ProcessTable.cpuSeconds(pid)
    #expect(try pipeline.millrace(["documents", "put", file, "--id", "long.txt", "--no-wait"]).code == 0)
    // Only the process's CPU time shows that the encoder is working: its metrics do not change during a batch.
    let isInWork = eventually(60) { ProcessTable.cpuSeconds(pid) > idle + 1 }
    #expect(isInWork)
    kill(pid, SIGTERM)
    // The size of the batch is random. The worker is suspended for longer than the drain of 24 s, so that even a short
    // batch outlasts it. The drain begins when the signal is delivered, so suspend the worker only after that.
    let isTaken = eventually(20) { !ProcessTable.isPending(SIGTERM, of: pid) }
    #expect(isTaken)
    Thread.sleep(forTimeInterval: 0.2)
    kill(pid, SIGSTOP)
    Thread.sleep(forTimeInterval: 24.1)
    kill(pid, SIGCONT)
    let log = pipeline.state + "/logs/up.log"
    let hasEnded = try eventually(80) {
      try String(contentsOfFile: log, encoding: .utf8).contains("embed-documents ended (status 0)")
    }
    let ending = try String(contentsOfFile: log, encoding: .utf8)
    #expect(hasEnded, "\(ending)")
    let own = try String(contentsOfFile: pipeline.state + "/logs/embed-documents.log", encoding: .utf8)
    #expect(own.contains("Drain is cut short"), "the batch took longer than the drain")
    #expect(
      try eventually(170) {
        try pipeline.array(["documents", "status", "long.txt"]).contains {
          $0["state"] as? String == "indexed"
        }
      })
    #expect(try pipeline.millrace(["ledger"]).code == 0)
  }
}
