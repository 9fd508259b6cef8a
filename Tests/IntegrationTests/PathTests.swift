import Foundation
import KafkaClient
import Testing

// Goal: documents and queries from every client become cited answers; bad input gets a state and affects no other
// record; tenants, principals and filters limit what a query finds; old versions are never cited; a search finds what
// its token names, and finds the same as a scan of all vectors. Method: the release binary, started with `up`, on both
// brokers (the comparison with the scan only on the local broker); kcat, confluent-kafka and the command line as
// clients.

private func quotes(_ answer: [String: Any]) -> String {
  ((answer["citations"] as? [[String: Any]]) ?? []).compactMap { $0["quote"] as? String }.joined(
    separator: " ")
}

@Suite(.serialized, .timeLimit(.minutes(20)), .sharedPipeline) struct PathTests {
  @Test("kcat and confluent-kafka produce documents and queries, and read cited answers")
  func foreignClients() throws {
    let pipeline = try #require(SharedPipeline.current)
    // kcat, confluent-kafka and the command line change one document in turn. Only its last version may be cited.
    let put = try pipeline.kcat(
      ["-P", "-t", "rag.documents", "-k", "default/lamp", "-X", "partitioner=murmur2_random"],
      input: #"{"id":"lamp","text":"The harbour lamp is painted red."}"#)
    #expect(put.code == 0, "\(put.error)")
    let question = "Which colour is the harbour lamp painted?"
    // Wait, because a version that is replaced before its state is written becomes superseded; here each must be
    // indexed.
    #expect(
      try eventually { try pipeline.millrace(["documents", "status", "lamp"]).text.contains("indexed") })
    #expect(try quotes(pipeline.ask(question)).contains("red"))
    let state = try pipeline.client(["put", "lamp", "The harbour lamp is painted green."])
    #expect(state["state"] as? String == "indexed")
    let second = try pipeline.client(["ask", question])
    #expect(
      second["status"] as? String == "answered" && quotes(second) == "The harbour lamp is painted green.")
    let third = try pipeline.millrace(
      ["documents", "put", "-", "--id", "lamp"], input: "The harbour lamp is painted blue.")
    #expect(third.code == 0, "\(third.error)")
    // kcat produces a query and reads its answer.
    let id = UUID().uuidString
    let asked = try pipeline.kcat(
      ["-P", "-t", "rag.queries"], input: #"{"id":"\#(id)","text":"\#(question)"}"#)
    #expect(asked.code == 0)
    let answer = try #require(try pipeline.answer(to: id), "no answer")
    #expect(quotes(answer) == "The harbour lamp is painted blue.")
    let gone = try pipeline.client(["delete", "lamp"])
    #expect(gone["state"] as? String == "deleted")
    let last = try pipeline.millrace(["ask", question])
    #expect(last.code == 3, "refused has its own exit code: \(last.text)\(last.error)")
    let states = try pipeline.array(["documents", "status", "lamp"]).compactMap { $0["state"] as? String }
    #expect(states.filter { $0 == "indexed" }.count == 3 && states.filter { $0 == "deleted" }.count == 1)
  }

  @Test("bad documents get failed and a dead letter, bad queries get answers, other records are processed")
  func badInput() async throws {
    let pipeline = try Pipeline(["--kafka-reply-prefixes", "shop.,app."])
    let bad: [(key: String, value: String, code: String)] = [
      ("default/b1", "not json", "not_json"), ("default/b2", #"{"id":"b2"}"#, "missing_field"),
      ("default/b3", #"{"id":"b3","text":""}"#, "empty_text"),
      ("default/b4", #"{"id":"b4","text":5}"#, "bad_type"),
      ("default/b5", #"{"id":"b5","tenant":"a b","text":"x"}"#, "bad_tenant"),
      ("default/b6", #"{"id":"other","text":"x"}"#, "key_mismatch"),
      ("nokey", #"{"id":"b7","text":"x"}"#, "bad_key"),
      ("bad tenant/b8", #"{"id":"b8","text":"x"}"#, "bad_tenant"),
      ("default/b9", #"{"id":"b9","text":"x","media_type":"application/zip"}"#, "unsupported_media_type"),
    ]
    for record in bad {
      let result = try pipeline.kcat(
        ["-P", "-t", "rag.documents", "-k", record.key, "-X", "partitioner=murmur2_random"],
        input: record.value)
      #expect(result.code == 0, "\(result.error)")
    }
    // Produce to two explicit partitions, so that at least one is wrong.
    let wrong = try pipeline.kcat(
      ["-P", "-t", "rag.documents", "-k", "default/b10", "-p", "0"], input: #"{"id":"b10","text":"x"}"#)
    let wrong2 = try pipeline.kcat(
      ["-P", "-t", "rag.documents", "-k", "default/b10", "-p", "1"], input: #"{"id":"b10","text":"x"}"#)
    #expect(wrong.code == 0 && wrong2.code == 0)
    let good = try pipeline.millrace(["documents", "put", Pipeline.handbook])
    #expect(good.code == 0 && good.text.contains("14 indexed"), "\(good.text)\(good.error)")
    var events = ""
    #expect(
      try eventually {
        events = try pipeline.kcat(["-C", "-t", "rag.document-status", "-o", "beginning", "-e", "-q"]).text
        return events.components(separatedBy: #""state":"failed""#).count - 1 >= bad.count + 1
      }, "\(events)")
    for record in bad { #expect(events.contains(#""code":"\#(record.code)""#), "\(record.code)") }
    #expect(events.contains("wrong_partition") && events.contains("partitioner=murmur2_random"))
    let misplaced = try #require(events.split(separator: "\n").first { $0.contains("wrong_partition") })
    let place = try #require(misplaced.firstMatch(of: /"id":"(rag\.documents-\d+-\d+)"/)?.1)
    let status = try pipeline.millrace(["documents", "status", String(place)])
    #expect(status.code == 0 && status.text.contains("wrong_partition"), "\(place): \(status)")
    let explained = try pipeline.millrace(["explain", String(place)])
    #expect(explained.error.contains("millrace documents status \(place)"), "\(explained)")
    let letters = try pipeline.kcat(
      ["-C", "-t", "rag.deadletters", "-o", "beginning", "-e", "-q", "-f", "%h\\n"]
    ).text
    #expect(letters.split(separator: "\n").count >= bad.count + 1)
    #expect(
      letters.contains("millrace-error-code=not_json") && letters.contains("millrace-origin=rag.documents-"))

    let queries = [
      "nonsense", #"{"id":"q1"}"#, #"{"id":"q2","text":"x","top_k":"many"}"#, #"{"id":"","text":"x"}"#,
      #"{"id":"q3","tenant":"a/b","text":"x"}"#,
      #"{"id":"q4","text":"x","reply_to":{"topic":"app.nowhere","partition":0}}"#,
      #"{"id":"q5","text":"x","reply_to":{"topic":"rag.vectors","partition":0}}"#,
      // An answer is also a valid document, so another pipeline would index it.
      #"{"id":"q6","text":"x","reply_to":{"topic":"app.documents","partition":0}}"#,
      #"{"id":"q7","text":"x","reply_to":{"topic":"payments.orders","partition":0}}"#,
      #"{"id":"q9","text":"x","filter":{"year":{"$gte":"soon"}}}"#,
    ]
    let reachable = ["app.documents", "payments.orders", "app.replies"]
    try await withAdmin(KafkaConfiguration(bootstrapServers: pipeline.kafka, clientID: "test")) { admin in
      _ = try await admin.create(
        reachable.map { TopicPlan(name: $0, partitionCount: 1, replicationFactor: 1, settings: [:]) })
    }
    let allowed =
      #"{"id":"q8","text":"How long are backups kept?","reply_to":{"topic":"app.replies","partition":0}}"#
    _ = try pipeline.kcat(["-P", "-t", "rag.queries"], input: allowed)
    for query in queries { _ = try pipeline.kcat(["-P", "-t", "rag.queries"], input: query) }
    #expect(try pipeline.ask("How long are database backups kept?")["status"] as? String == "answered")
    var answers = ""
    #expect(
      try eventually {
        answers = try pipeline.kcat(["-C", "-t", "rag.answers", "-o", "beginning", "-e", "-q"]).text
        return answers.components(separatedBy: #""status":"failed""#).count - 1 == queries.count
      }, "\(answers)")
    #expect(answers.contains(#""field":"top_k""#) && answers.contains(#""id":"rag.queries-"#))
    #expect(
      answers.contains(#""field":"filter.year.$gte""#) && answers.contains("must be a number, or a date"))
    let refused = answers.split(separator: "\n").filter { $0.contains(#""field":"reply_to.topic""#) }
    #expect(refused.count == 3 && refused.contains { $0.contains("must start with one of") }, "\(refused)")
    for (topic, count) in zip(reachable, [0, 0, 1]) {
      let copies = try pipeline.kcat(["-C", "-t", topic, "-o", "beginning", "-e", "-q"]).text
      #expect(copies.split(separator: "\n").count == count, "\(topic): \(copies)")
    }
    // Deleting a document that never existed results in the state deleted.
    let nothing = try pipeline.millrace(["documents", "delete", "never-was"])
    #expect(nothing.code == 0 && nothing.text.contains("1 deleted"), "\(nothing.text)\(nothing.error)")
    #expect(try pipeline.restarts().values.allSatisfy { $0 == 0 }, "no worker crashed")
  }

  @Test("tenants and principals see only documents that they may read")
  func isolation() throws {
    let pipeline = try #require(SharedPipeline.current)
    for (tenant, acl, text) in [
      ("acme", [], "The vault code of acme is seven."), ("other", [], "The vault code of other is nine."),
      ("acme", ["--acl", "boss"], "The secret vault code of acme is thirteen."),
    ] {
      let id = "vault-\(tenant)-\(acl.count)"
      let put = try pipeline.millrace(
        ["documents", "put", "-", "--id", id, "--tenant", tenant] + acl, input: text)
      #expect(put.code == 0, "\(put.error)")
    }
    let question = "What is the vault code?"
    func found(_ options: [String]) throws -> Set<String> {
      let answer = try pipeline.json(["search", question] + options)
      return Set(
        ((answer["citations"] as? [[String: Any]]) ?? []).compactMap { $0["document_id"] as? String })
    }
    #expect(try found(["--tenant", "acme"]) == ["vault-acme-0"])
    #expect(try found(["--tenant", "acme", "--principal", "boss"]) == ["vault-acme-0", "vault-acme-2"])
    #expect(try found(["--tenant", "other", "--principal", "boss"]) == ["vault-other-0"])
    #expect(try found([]).isEmpty)
  }

  @Test("a filter leaves out documents by their metadata; a cached answer is used for the same filter only")
  func filters() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    let lines = [
      #"{"id":"north","text":"The reading room opens at nine.","metadata":{"site":"north","year":2021,"tags":["a"]}}"#,
      #"{"id":"south","text":"The reading room opens at ten.","metadata":{"site":"south","year":2024,"tags":["a","b"]}}"#,
      #"{"id":"plain","text":"The reading room opens at noon."}"#,
    ]
    let file = pipeline.state + "/rooms.jsonl"
    try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try pipeline.millrace(["documents", "put", file]).code == 0)
    let question = "When does the reading room open?"
    for (filter, expected) in [
      (#"{}"#, ["north", "plain", "south"]), (#"{"site":"north"}"#, ["north"]),
      (#"{"year":{"$gte":2022}}"#, ["south"]), (#"{"tags":"a"}"#, ["north", "south"]),
      (#"{"site":{"$ne":"north"}}"#, ["plain", "south"]), (#"{"year":{"$exists":false}}"#, ["plain"]),
      (#"{"$or":[{"site":"north"},{"tags":"b"}]}"#, ["north", "south"]), (#"{"site":"west"}"#, []),
    ] {
      let found = try pipeline.json(["search", question, "--filter", filter])
      let ids = (found["citations"] as? [[String: Any]] ?? []).compactMap { $0["document_id"] as? String }
      #expect(ids.sorted() == expected, "\(filter)")
      let listed = try pipeline.array(["documents", "list", "--filter", filter])
      #expect(listed.compactMap { $0["id"] as? String }.sorted() == expected, "\(filter)")
    }
    // The cache must tell filters apart: the first round has only misses, the second only hits.
    for round in 0..<2 {
      for (filter, text) in [(#"{"year":{"$lt":2022}}"#, "nine"), (#"{"year":{"$gt":2022}}"#, "ten")] {
        let options = ["--filter", filter]
        let answer = try round == 0 ? pipeline.ask(question, options) : pipeline.askCached(question, options)
        #expect((answer["text"] as? String)?.contains(text) == true, "\(filter): \(answer)")
        #expect(answer["cache"] as? String == (round == 0 ? "miss" : "exact"), "\(filter): \(answer)")
      }
    }
    let wrong = try pipeline.millrace(["search", question, "--filter", #"{"year":{"gte":1}}"#])
    #expect(wrong.code == 2 && wrong.error.contains("filter.year.gte"), "\(wrong.error)")
    let unlisted = try pipeline.millrace(["documents", "list", "--filter", "[]"])
    #expect(unlisted.code == 2 && unlisted.error.contains("--filter"), "\(unlisted.error)")
  }

  @Test("if a document changes or is deleted between search and answer, the old version is never cited")
  func changesUnderTheQuery() throws {
    // A stage is suspended. A long session keeps it in its group; otherwise it would repeat its work.
    let pipeline = try Pipeline(["--kafka-session-timeout", "30s"])
    for stage in ["retrieve", "generate"] {
      for isDeleted in [true, false] { try change(pipeline, stage: stage, isDeleted: isDeleted) }
      #expect(try pipeline.metric("millrace_stale_rounds_total", of: stage) == 2)
    }
  }

  private func change(_ pipeline: Pipeline, stage: String, isDeleted: Bool) throws {
    let first = try pipeline.millrace(
      ["documents", "put", "-", "--id", "lamp"], input: "The harbour lamp is painted red.")
    #expect(first.code == 0, "\(first.error)")
    // Suspend the stage while the query waits for it and the document changes.
    let pid = try #require(try pipeline.processes()[stage])
    kill(pid, SIGSTOP)
    defer { kill(pid, SIGCONT) }
    let id = UUID().uuidString
    let query = #"{"id":"\#(id)","text":"Which colour is the harbour lamp painted?"}"#
    #expect(try pipeline.kcat(["-P", "-t", "rag.queries"], input: query).code == 0)
    let topic = stage == "retrieve" ? "rag.candidates" : "rag.prompts"
    #expect(
      try eventually {
        try pipeline.kcat(["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k\\n"]).text.contains(id)
      })
    let change =
      isDeleted
      ? try pipeline.millrace(["documents", "delete", "lamp"])
      : try pipeline.millrace(
        ["documents", "put", "-", "--id", "lamp"], input: "The harbour lamp is painted green.")
    #expect(change.code == 0, "\(change.error)")
    // Wait longer than the second within which a change may still be unknown.
    Thread.sleep(forTimeInterval: 1.2)
    kill(pid, SIGCONT)
    let answer = try #require(try pipeline.answer(to: id), "no answer")
    if isDeleted {
      #expect(answer["status"] as? String == "refused" && quotes(answer).isEmpty)
    } else {
      #expect(quotes(answer) == "The harbour lamp is painted green.")
    }
  }

  @Test("read your writes: a search with the token of an indexed event finds the document")
  func readYourWrites() throws {
    let pipeline = try #require(SharedPipeline.current)
    for number in 0..<5 {
      let put = try pipeline.json([
        "documents", "put", Pipeline.handbook + "/backups.md", "--id", "copy-\(number)", "--tenant", "writer",
      ])
      let states = try #require(put["states"] as? [[String: Any]])
      let token = try #require(states.first { $0["state"] as? String == "indexed" }?["token"] as? String)
      let found = try pipeline.json([
        "search", "nightly backups", "--top-k", "50", "--after", token, "--tenant", "writer",
      ])
      // Equal texts are cited once, with all documents that contain them.
      let citations = found["citations"] as? [[String: Any]] ?? []
      let places = citations + citations.flatMap { $0["also_in"] as? [[String: Any]] ?? [] }
      #expect(places.contains { $0["document_id"] as? String == "copy-\(number)" })
      #expect(Set(citations.compactMap { $0["quote"] as? String }).count == citations.count)
      #expect((found["index"] as? [String: Any])?["after_reached"] == nil)
    }
    // A misspelt field is named in the answer.
    let id = UUID().uuidString
    let query = #"{"id":"\#(id)","text":"Which lamp is it?","tenant":"writer","filters":{"site":"north"}}"#
    #expect(try pipeline.kcat(["-P", "-t", "rag.queries"], input: query).code == 0)
    let answer = try #require(try pipeline.answer(to: id), "no answer")
    #expect(answer["warnings"] as? [String] == ["'filters' is not a field: write 'filter'"])
    // A token whose offset the index has not reached, and a token of a partition that does not exist.
    for token in ["0:999999999", "4711:5"] {
      let found = try pipeline.json(["search", "backups", "--after", token, "--tenant", "writer"])
      #expect((found["index"] as? [String: Any])?["after_reached"] as? Bool == false)
    }
  }

  @Test(
    "search equals the brute-force scan on squad2-dev, for 1 and for 4 shards",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"),
    .enabled(if: !Pipeline.isOnKafka, "on Apache Kafka, KillTests compare"))
  func bruteForce() throws {
    // The hits of a late shard are left out, and the answer counts as partial. Retrieve waits longer here, so that no
    // shard is late even on a slow machine.
    let options = ["--retrieve-wait", "10s"]
    let pipeline = try Pipeline(options + ["--shards", "1"])
    let data = try #require(Pipeline.shared) + "/data/qa/squad2-dev"
    let put = try pipeline.millrace([
      "documents", "put", data + "/documents.jsonl", "--tenant", "eval", "--timeout", "900",
    ])
    #expect(put.code == 0, "\(put.text)\(put.error)")
    for shards in [1, 4] {
      // The vectors are in the topic: four shards replay what one shard has searched, and nothing is embedded again.
      if shards > 1 {
        #expect(try pipeline.millrace(["down"]).code == 0)
        try pipeline.start(options + ["--shards", "\(shards)"])
      }
      let report = try pipeline.json([
        "eval", "retrieval", "--questions", data + "/questions.jsonl", "--limit", "1000", "--verify",
        "--search-mode", "dense",
      ])
      print("squad2-dev, \(shards) shards: \(report)")
      #expect(report["mismatches"] as? Int == 0)
      let dense = try #require(report["dense"] as? [String: Any])
      #expect(dense["missing"] as? Int == 0 && dense["partial"] as? Int == 0)
      let recall = try #require(dense["recall_at_10"] as? [String: Double])
      #expect(try #require(recall["value"]) > 0.85)
    }
  }
}
