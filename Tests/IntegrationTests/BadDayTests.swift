import Foundation
import Testing

// Goal: the pipeline copes with random bytes, invalid records, changed documents, killed processes and files from Kafka
// Connect. Method: random and real data go through the release binaries; the command line and scripts with
// confluent-kafka check the results.

@Suite(.serialized, .timeLimit(.minutes(60))) struct BadDayTests {
  @Test(
    "a million random and mutated inputs: no decoder traps, and memory does not grow",
    .enabled(if: !Pipeline.isOnKafka, "this test uses no broker"))
  func fuzz() throws {
    let bench = URL(fileURLWithPath: Pipeline.binary).deletingLastPathComponent().appendingPathComponent(
      "millrace-bench")
    let output = try Pipeline.run(bench.path, ["fuzz", "1000000"])
    print(output.text)
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }

  @Test("a hostile record gets a terminal state with code, field and rule; its neighbour is not affected")
  func badRecords() throws {
    // A text over the limit must be refused with the name of the setting; the default limit is 8 MiB.
    let pipeline = try Pipeline(["--ingest-text-bytes-max", "1000000", "--ingest-parser-timeout", "3s"])
    let output = try Pipeline.run(
      Pipeline.python, [Pipeline.checkout + "/Tests/Scripts/bad_records.py", pipeline.kafka])
    let report = try #require(
      JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [String: Any],
      "\(output.text)\(output.error)")
    #expect(report["neighbours"] as? Int == report["wanted"] as? Int, "\(report)")
    let records = try #require(report["records"] as? [String: [String: Any]])
    // The broker limits the size of records in rag.queries: 1 MB on the local broker.
    let refused = report["refused_by_broker"] as? [String] ?? []
    #expect(refused == (Pipeline.isOnKafka ? [] : ["q 5 MB of text"]))
    #expect(records.count == 40 - refused.count)
    for (name, record) in records {
      let states = try #require(record["states"] as? [[Any]])
      #expect(states.count == 1 && states.first?.first as? String == "failed", "\(name): \(record)")
      let error = states.first?.last as? [String: String] ?? [:]
      // The message is "FIELD: 'VALUE' RULE", or "FIELD: RULE" if there is no value or it is too long.
      let (field, message) = (error["field"] ?? "", error["message"] ?? "")
      #expect(
        !(error["code"] ?? "").isEmpty && !field.isEmpty && message.hasPrefix(field + ": "),
        "\(name): \(record)")
      #expect(
        ["must", "can't", "is not JSON: byte "].contains { message.contains($0) },
        "\(name) has no rule: \(message)")
      #expect(record["dead_letter"] as? Bool == true, "\(name): the copy is missing or differs: \(record)")
      #expect((error["message"] ?? "").utf8.count < 1000, "\(name): the message is too long")
    }
    func error(_ name: String) -> [String: String] {
      (records[name]?["states"] as? [[Any]])?.first?.last as? [String: String] ?? [:]
    }
    #expect(
      error("5 MB of text")["message"]?.contains("ingest.textBytesMax") == true, "\(error("5 MB of text"))")
    #expect(
      error("key that lies")["code"] == "key_mismatch" && error("key without a tenant")["code"] == "bad_key")
    #expect(error("hours of Markdown")["code"] == "parser_timeout", "\(error("hours of Markdown"))")
    #expect(error("q wrong type")["field"] == "text", "\(error("q wrong type"))")
    for (name, field) in [
      ("5 MB of metadata", "metadata"), ("300 kB of acl", "acl"), ("expired before 1970", "expires_at"),
      ("q filter of 50,000", "filter"), ("q 600 kB of history", "value"),
      ("q reply to Kafka itself", "reply_to.topic"),
    ] {
      #expect(error(name)["field"] == field, "\(name): \(error(name))")
    }
    #expect(try pipeline.restarts().values.allSatisfy { $0 == 0 }, "no worker crashed")
    #expect(try pipeline.millrace(["ledger"]).code == 0)
  }

  @Test(
    "Kubernetes docs v1.9 to v1.11: removed text is not cited, unchanged text is not embedded again",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"))
  func kubernetes() throws {
    let folder = try #require(Pipeline.shared) + "/data/kb/kubernetes-docs/"
    // Embedding all 442 pages takes minutes. MILLRACE_KUBERNETES=all uses all of them.
    let isWhole = ProcessInfo.processInfo.environment["MILLRACE_KUBERNETES"] == "all"
    typealias Page = (id: String, title: String, line: String)
    func pages(_ version: String) throws -> [String: Page] {
      var pages: [String: Page] = [:]
      for line in try String(contentsOfFile: folder + version, encoding: .utf8).split(separator: "\n") {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        let id = try #require(object?["id"] as? String)
        pages[id] = (id, object?["title"] as? String ?? "", String(line))
      }
      return pages
    }
    let old = try pages("v1.9.jsonl")
    let new = try pages("v1.11.jsonl")
    var changes: [String: [String]] = [:]
    for line in try String(contentsOfFile: folder + "changes-1.9-to-1.11.jsonl", encoding: .utf8).split(
      separator: "\n")
    {
      let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
      changes[object["change"] ?? "", default: []].append(object["id"] ?? "")
    }
    func some(_ kind: String, _ count: Int) -> [String] {
      let ids = (changes[kind] ?? []).sorted()
      if isWhole { return ids }
      return Array(ids.filter { (old[$0] ?? new[$0])?.line.utf8.count ?? 0 < 9000 }.prefix(count))
    }
    let (same, changed, removed, added) = (
      some("same", 12), some("changed", 15), some("removed", 5), some("added", 4)
    )
    #expect(!removed.isEmpty && changed.count > 5)
    let pipeline = try Pipeline(["--llm", "extractive"])
    func put(_ list: [Page], _ name: String) throws {
      let file = "\(pipeline.state)/\(name).jsonl"
      try list.map(\.line).joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
      let output = try pipeline.millrace(["documents", "put", file])
      #expect(output.code == 0, "\(name): \(output.text)\(output.error)")
    }
    func embedded() throws -> Double {
      try pipeline.metric("millrace_embedded_chunks_total", of: "embed-documents")
    }
    try put((same + changed + removed).compactMap { old[$0] }, "old")
    let questions = (changed + removed + same).compactMap { old[$0] }.map { "What is \($0.title)?" }
    var before: [String: [String: Any]] = [:]
    for question in questions { before[question] = try pipeline.ask(question) }
    var hits = 0
    for question in questions where try pipeline.ask(question)["cache"] as? String == "exact" { hits += 1 }
    #expect(hits > 5, "the cache contains old answers: \(hits)")
    func cited(_ answer: [String: Any]?) -> [[String: Any]] { answer?["citations"] as? [[String: Any]] ?? [] }
    let citesRemoved = before.values.contains {
      cited($0).contains { removed.contains($0["document_id"] as? String ?? "") }
    }
    #expect(citesRemoved, "pages are cited before they are removed")

    let first = try embedded()
    try put(same.compactMap { new[$0] }, "same")
    let second = try embedded()
    #expect(second == first, "unchanged pages are not embedded again")
    try put(changed.compactMap { new[$0] }, "changed")
    let third = try embedded()
    try put(added.compactMap { new[$0] }, "added")
    let deleted = try pipeline.millrace(["documents", "delete"] + removed)
    #expect(deleted.code == 0, "\(deleted.error)")
    var versions: [String: String] = [:]
    var chunks = 0
    for row in try pipeline.array(["documents", "list"]) {
      let id = row["id"] as? String ?? ""
      versions[id] = row["version"] as? String
      if changed.contains(id) { chunks += row["chunks"] as? Int ?? 0 }
    }
    #expect(
      third > second && third - second <= Double(chunks),
      "at most all chunks of changed pages: \(third - second) of \(chunks)")
    print(
      "kubernetes: \(first) chunks embedded at first, \(second - first) for \(same.count) unchanged pages, "
        + "\(third - second) of \(chunks) for \(changed.count) changed pages; "
        + "\(hits) of \(questions.count) answers were cached")
    for question in questions {
      for citation in cited(try pipeline.ask(question)) {
        let id = citation["document_id"] as? String ?? ""
        #expect(!removed.contains(id), "\(question): \(id) was removed")
        #expect(
          versions[id] == citation["version"] as? String, "\(question): \(id) is \(versions[id] ?? "none")"
        )
      }
    }
    #expect(try pipeline.millrace(["ledger"]).code == 0)
  }

  @Test(
    "four shards: SIGTERM and SIGKILL to each process under load; no record is lost or has two states",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"))
  func killed() throws {
    // Keep the answers short: the LLM would otherwise take most of the processor time, and the drill is about kills.
    let pipeline = try Pipeline(["--shards", "4", "--with-llm", "--llm-answer-tokens-max", "24"])
    let folder = try Squad.subset(of: try #require(Pipeline.shared), documents: 40, in: pipeline.state)
    #expect(try pipeline.millrace(["documents", "put", folder + "/documents.jsonl"]).code == 0)
    let rounds =
      ProcessInfo.processInfo.environment["MILLRACE_KILL_ROUNDS"] ?? (Pipeline.isOnKafka ? "2" : "5")
    let output = try Pipeline.run(
      Pipeline.python,
      [
        Pipeline.checkout + "/Tests/Scripts/kill_drill.py", Pipeline.binary, Pipeline.loadgen, pipeline.state,
        folder + "/trace.jsonl", folder + "/questions.jsonl", Pipeline.handbook, rounds,
      ])
    print("killed: \(output.text)")
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }

  @Test(
    "Kafka Connect feeds the files of a folder into rag.documents, with settings only",
    .enabled(if: Pipeline.isOnKafka, "this test needs Apache Kafka"),
    .enabled(
      if: FileManager.default.fileExists(atPath: (Pipeline.kafkaHome ?? "") + "/bin/connect-standalone.sh"),
      "this Kafka has no Connect"))
  func connect() throws {
    let home = try #require(Pipeline.kafkaHome)
    let pipeline = try Pipeline([
      "--kafka-home", home, "--ingest-field-map", "text=body,id=name",
    ])
    let folder = pipeline.state + "/connect"
    try FileManager.default.createDirectory(atPath: folder + "/files", withIntermediateDirectories: true)
    let files = [
      "lift.txt": "The goods lift carries four hundred kilograms.",
      "roof.txt": "The roof terrace closes at dusk.",
    ]
    for (name, text) in files {
      try (text + "\n").write(toFile: "\(folder)/files/\(name)", atomically: true, encoding: .utf8)
    }
    let output = try Pipeline.run(
      "/bin/bash",
      [
        Pipeline.checkout + "/scripts/connect-folder.sh", pipeline.kafka, folder + "/files",
        folder + "/settings",
      ], environment: ["KAFKA_HOME": home])
    #expect(output.code == 0, "\(output.error)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/settings").sorted()
    let connect = Process()
    connect.executableURL = URL(fileURLWithPath: home + "/bin/connect-standalone.sh")
    connect.arguments =
      [folder + "/settings/worker.properties"]
      + names.filter { $0 != "worker.properties" }.map { "\(folder)/settings/\($0)" }
    connect.environment = ProcessInfo.processInfo.environment.merging(
      ["LOG_DIR": folder, "KAFKA_HEAP_OPTS": "-Xmx256m"]) { $1 }
    connect.standardOutput = FileHandle.nullDevice
    connect.standardError = FileHandle.nullDevice
    try connect.run()
    defer { kill(connect.processIdentifier, SIGKILL) }
    let isThere = try eventually(90) {
      try pipeline.array(["documents", "list"]).count { $0["state"] as? String == "indexed" } == 2
    }
    let rows = try pipeline.array(["documents", "list"])
    #expect(isThere, "\(rows)")
    let answer = try pipeline.ask("How much does the goods lift carry?")
    #expect((answer["text"] as? String ?? "").contains("four hundred kilograms"), "\(answer)")
    // Append a line to the file: its last line becomes the document.
    let handle = try #require(FileHandle(forWritingAtPath: folder + "/files/lift.txt"))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("The goods lift carries nine hundred kilograms.\n".utf8))
    try handle.close()
    let isNew = try eventually(60) {
      (try pipeline.ask("How much does the goods lift carry?")["text"] as? String ?? "").contains(
        "nine hundred")
    }
    #expect(isNew)
  }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct ChartTests {
  @Test(
    "rendered charts match the binary, and every checked rule can fail",
    .enabled(if: !Pipeline.isOnKafka, "runs on the local broker only"))
  func chart() throws {
    let output = try Pipeline.run(
      Pipeline.python,
      [
        Pipeline.checkout + "/Tests/Scripts/chart_check.py", "--binary", Pipeline.binary, "--self-test",
        "--live",
      ])
    print(output.text)
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }

  @Test("the binary's version is the chart's appVersion")
  func version() throws {
    let chart = try String(contentsOfFile: Pipeline.checkout + "/charts/millrace/Chart.yaml", encoding: .utf8)
    let line = try #require(chart.split(separator: "\n").first { $0.hasPrefix("appVersion:") })
    let version = line.dropFirst("appVersion:".count).trimmingCharacters(
      in: CharacterSet(charactersIn: " \""))
    #expect(try Pipeline.run(Pipeline.binary, ["--version"]).text == "millrace \(version)\n")
  }
}
