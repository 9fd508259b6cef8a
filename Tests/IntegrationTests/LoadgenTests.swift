import Foundation
import TestSupport
import Testing

// Goal: the figures of `loadgen` are correct. Method: runs with a known disturbance (a suspended stage, a suspended
// generator, additional answers), whose reports must show exactly this disturbance.

@Suite(.serialized, .timeLimit(.minutes(20))) struct LoadgenTests {
  @Test(
    "loadgen replays a trace: every query gets a state, figures by stage, an overload is reported",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"))
  func loadgen() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    let folder = try Squad.subset(of: try #require(Pipeline.shared), documents: 60, in: pipeline.state)
    #expect(try pipeline.millrace(["documents", "put", folder + "/documents.jsonl"]).code == 0)
    let (trace, questions) = (folder + "/trace.jsonl", folder + "/questions.jsonl")
    func replay(_ words: [String]) throws -> (code: Int32, report: [String: Any], error: String) {
      let output = try Pipeline.run(
        Pipeline.loadgen,
        ["replay", trace, "--questions", questions, "--json", "--state", pipeline.state] + words)
      let object = try? JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [String: Any]
      return (output.code, object ?? [:], output.error)
    }
    let run = try replay(["--rate", "8", "--duration", "15s"])
    // If the machine delays the generator, the figures are invalid, but nothing is lost.
    let reasons = run.report["invalid"] as? [String] ?? []
    #expect(run.code == (reasons.isEmpty ? 0 : 1) && run.report["differing"] as? Int == 0, "\(run)")
    let sent = run.report["sent"] as? Int ?? 0
    let states = run.report["states"] as? [String: Int] ?? [:]
    #expect(sent > 50 && states.values.reduce(0, +) == sent && run.report["lost"] as? Int == 0, "\(run)")
    #expect((run.report["stages_ms"] as? [String: Any])?["search"] != nil)
    #expect(run.report["cache_hits"] as? Int ?? 0 > 0, "answers are cached")
    guard !Pipeline.isOnKafka else { return }  // the rest tests only the generator
    // No worker processes queries: all are lost when their deadline has passed.
    let lane = try #require(try pipeline.processes()["embed-queries"])
    kill(lane, SIGSTOP)
    let stuck = try replay(["--rate", "20", "--duration", "2s", "--deadline", "1000"])
    kill(lane, SIGCONT)
    #expect(stuck.code == 1 && stuck.report["lost"] as? Int == stuck.report["sent"] as? Int, "\(stuck)")
    // A rate that the generator can't reach must make the run invalid.
    let rushed = try replay(["--rate", "90000", "--duration", "1s", "--deadline", "1"])
    #expect(
      rushed.code == 1 && !((rushed.report["invalid"] as? [String]) ?? []).isEmpty,
      "\(rushed.report["invalid"] ?? "")")
    for (words, name) in [
      (["--rate", "0"], "--rate"), (["--speed", "fast"], "--speed"), (["--duration", "9"], "--duration"),
    ] {
      let wrong = try replay(words)
      #expect(wrong.code == 2 && wrong.error.contains(name), "\(wrong.error)")
    }
  }

  @Test(
    "latency counts from the schedule, with a suspended stage and with a suspended generator",
    .enabled(if: !Pipeline.isOnKafka, "this test is for the generator"))
  func schedule() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    #expect(try pipeline.millrace(["documents", "put", Pipeline.handbook + "/backups.md"]).code == 0)
    let retrieve = try #require(try pipeline.processes()["retrieve"])
    let (stalls, start) = (StallWatch(), ContinuousClock.now)
    let slow = try report(queries: 50, on: pipeline) { _ in
      kill(retrieve, SIGSTOP)
      defer { kill(retrieve, SIGCONT) }
      Thread.sleep(forTimeInterval: 2)
    }
    #expect(slow.counts("states") == ["answered": 50], "\(slow.members)")
    #expect(slow.members["sent"] as? Int == 50 && slow.members["lost"] as? Int == 0)
    let stalled = stalls.stalled(start, .now) / .milliseconds(1)
    let latency = try slow.times("latency_ms")
    // With 50 queries, p95 is the third longest. A closed loop, which waits for each answer, would have only one long
    // one.
    #expect(latency.max >= 1500 && latency.p95 >= 1000 && latency.p50 < 1000, "\(latency)")
    #expect(latency.isAscending, "\(latency)")
    #expect(try slow.times("generator_lateness_ms").max < 1000 + stalled, "the generator continued to send")
    let stages = slow.members["stages_ms"] as? [String: Any] ?? [:]
    #expect(Set(stages.keys) == ["embed", "search", "retrieve"], "\(stages)")
    for stage in stages.keys {
      for part in ["wait", "work"] {
        let times = try slow.times("stages_ms", stage, part)
        #expect(times.isAscending, "\(stage) \(part): \(times)")
      }
    }
    #expect(try slow.times("stages_ms", "retrieve", "wait").p95 >= 1000, "queries waited here")
    #expect(try slow.times("stages_ms", "search", "wait").p95 < 1000 + stalled, "queries did not wait here")

    // If latency were counted from the sending, only one or two queries in flight would be slow, and p95, the fourth
    // longest of 60, would be short.
    let late = try report(queries: 60, on: pipeline) { loadgen in
      kill(loadgen, SIGSTOP)
      defer { kill(loadgen, SIGCONT) }
      Thread.sleep(forTimeInterval: 3)
    }
    #expect(late.members["sent"] as? Int == 60 && late.members["lost"] as? Int == 0, "\(late.members)")
    let all = try late.times("latency_ms")
    #expect(all.p95 >= 1500 && all.isAscending, "\(all)")
    #expect(try late.times("generator_lateness_ms").max >= 1000)
    let reasons = late.members["invalid"] as? [String] ?? []
    #expect(late.code == 1 && reasons.contains { $0.contains("itself was late") }, "\(reasons)")
  }

  @Test(
    "the report shows states, percentiles and second answers, and a terminal shows the progress",
    .enabled(if: !Pipeline.isOnKafka, "this test is for the generator"))
  func text() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    #expect(try pipeline.millrace(["documents", "put", Pipeline.handbook]).code == 0)
    let file = pipeline.state + "/report.txt"
    let words = try [Pipeline.loadgen] + commandLine(queries: 40, on: pipeline)
    // The report goes to a file, so that the terminal shows only the progress.
    let command = words.map { "'\($0)'" }.joined(separator: " ") + " > '\(file)'"
    let run = try run("/usr/bin/script", ["-qec", command, "/dev/null"], on: pipeline) { _ in
      try answerAgain(on: pipeline)
    }
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let lines = text.split(separator: "\n")
    try #require(lines.count > 4, "\(text)\(run.text)")
    #expect(lines[0].hasPrefix("sent 40 in "), "\(text)")
    let states = "answered 40, refused 0, expired 0, cancelled 0, failed 0"
    #expect(String(lines[1]) == states + "; lost 0, doubled 2, differing 1", "\(text)")
    #expect(run.code == 1, "one query has two states")
    let columns: [Substring] = ["ms", "from", "the", "schedule", "p50", "p95", "p99", "max"]
    #expect(lines[3].split(separator: " ") == columns, "\(text)")
    var rows = ["all", "from the cache", "made"]
    for stage in ["embed", "search", "retrieve", "generate"] {
      rows += ["\(stage): waiting", "\(stage): work"]
    }
    for row in rows {
      let line = lines.first { $0.hasPrefix("  \(row) ") } ?? ""
      let figures = line.split(separator: " ").suffix(4).compactMap { Double($0) }
      #expect(figures.count == 4 && figures == figures.sorted(), "\(row): \(text)")
    }
    let progress = run.text.split(separator: "\r").compactMap { line -> Int? in
      let words = line.split(separator: " ")
      guard let index = words.firstIndex(of: "sent,"), index > 0 else { return nil }
      return Int(words[index - 1])
    }
    #expect(Set(progress.filter { $0 > 1 && $0 < 40 }).count > 2, "\(progress)")
  }

  /// The output of `loadgen --json`.
  private struct Report {
    let code: Int32
    let members: [String: Any]

    /// The counts under this name, without those that are 0.
    func counts(_ name: String) -> [String: Int] {
      (members[name] as? [String: Int] ?? [:]).filter { $0.value != 0 }
    }

    func times(_ path: String...) throws -> Times {
      var value: Any? = members
      for name in path { value = (value as? [String: Any])?[name] }
      let figures = try #require(value as? [String: Double], "\(path): \(members)")
      return Times(
        p50: try #require(figures["p50"]), p95: try #require(figures["p95"]),
        p99: try #require(figures["p99"]), max: try #require(figures["max"]))
    }
  }

  /// Percentiles in milliseconds.
  private struct Times {
    let p50: Double
    let p95: Double
    let p99: Double
    let max: Double

    var isAscending: Bool { p50 <= p95 && p95 <= p99 && p99 <= max }
  }

  /// A run in which every query passes embed, search and retrieve.
  private func report(
    queries: Int, on pipeline: Pipeline, meanwhile: (Int32) throws -> Void
  ) throws -> Report {
    let words = try commandLine(queries: queries, on: pipeline)
    let output = try run(
      Pipeline.loadgen, words + ["--json", "--mode", "retrieve", "--cache", "bypass"], on: pipeline,
      meanwhile: meanwhile)
    let object = try? JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [String: Any]
    return Report(code: output.code, members: try #require(object, "\(output)"))
  }

  /// The arguments of a replay of one question, ten times per second.
  private func commandLine(queries: Int, on pipeline: Pipeline) throws -> [String] {
    let (trace, questions) = (pipeline.state + "/trace.jsonl", pipeline.state + "/questions.jsonl")
    let arrivals = (0..<queries).map { #"{"timestamp_ms":\#($0 * 100)}"# }
    try arrivals.joined(separator: "\n").write(toFile: trace, atomically: true, encoding: .utf8)
    let question = #"{"id":"kept","question":"How long are database backups kept?"}"#
    try question.write(toFile: questions, atomically: true, encoding: .utf8)
    return ["replay", trace, "--questions", questions, "--state", pipeline.state]
  }

  /// Runs a replay to its end. Calls `meanwhile` with its process id when its first queries are answered: before that,
  /// loadgen measures its own maximum rate.
  private func run(
    _ path: String, _ words: [String], on pipeline: Pipeline, meanwhile: (Int32) throws -> Void
  ) throws -> (code: Int32, text: String) {
    let before = try answers(on: pipeline).count
    let file = pipeline.state + "/output.txt"
    _ = FileManager.default.createFile(atPath: file, contents: nil)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = words
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: file)
    try process.run()
    defer { if process.isRunning { process.terminate() } }
    let areAnswered = try eventually { try answers(on: pipeline).count >= before + 2 }
    try #require(areAnswered, "no query of the run was answered")
    try meanwhile(process.processIdentifier)
    process.waitUntilExit()
    return (process.terminationStatus, try String(contentsOfFile: file, encoding: .utf8))
  }

  /// The records of `rag.answers`: key, tab, value.
  private func answers(on pipeline: Pipeline) throws -> [Substring] {
    try pipeline.kcat([
      "-C", "-t", "rag.answers", "-o", "beginning", "-e", "-q", "-f", "%k\\t%s\\n", "-X",
      "fetch.wait.max.ms=10",
    ]).text
      .split(separator: "\n")
  }

  /// Writes second answers to two queries: the same answer to one, an answer with another state to the other.
  private func answerAgain(on pipeline: Pipeline) throws {
    let lines = try answers(on: pipeline)
    let key = lines[1].prefix { $0 != "\t" }
    let id = key.split(separator: "/").last ?? ""
    let other = "\(key)\t" + #"{"id":"\#(id)","tenant":"default","status":"failed"}"#
    let put = try pipeline.kcat(
      ["-P", "-t", "rag.answers", "-K", "\t", "-X", "partitioner=murmur2_random"],
      input: "\(lines[0])\n\(other)")
    #expect(put.code == 0, "\(put.error)")
  }
}
