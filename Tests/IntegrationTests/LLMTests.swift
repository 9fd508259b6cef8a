// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import HTTPClient
import Testing

// Goal: an LLM's sentences are used only if the documents support them, and a fault of the LLM never prevents an
// answer. Method: llama-server with a real model, and a stub endpoint that produces faults on demand.

@Suite(.serialized, .timeLimit(.minutes(20))) struct LLMTests {
  private let fact = "The harbour lamp is painted red."

  private func check(_ answer: [String: Any], source: String, _ name: String) throws {
    for citation in try #require(answer["citations"] as? [[String: Any]]) {
      let (start, end) = (citation["start"] as! Int, citation["end"] as! Int)
      let bytes = Array(source.utf8)[start..<end]
      #expect(String(decoding: bytes, as: UTF8.self) == citation["quote"] as? String, "\(name)")
    }
  }

  @Test("LLM stub: supported and unsupported text, refusal, rate limit, broken stream, errors, slow, down")
  func stub() throws {
    var stub: LLMStub? = try LLMStub()
    let url = try #require(stub?.url)
    let pipeline = try Pipeline(["--llm", url, "--redis", "none"])
    let put = try pipeline.millrace(["documents", "put", "-", "--id", "lamp"], input: fact)
    #expect(put.code == 0, "\(put.error)")
    func ask(_ word: String) throws -> [String: Any] {
      try pipeline.ask("\(word) Which colour is the harbour lamp painted?")
    }
    let plain = try ask("")
    #expect(plain["engine"] as? String == "llm" && plain["model"] as? String == "stub")
    #expect(plain["text"] as? String == fact + " [1]")
    #expect((plain["usage"] as? [String: Any])?["prompt_tokens"] as? Int == 11)
    try check(plain, source: fact, "plain")
    let start = Date()
    let limited = try ask("LIMIT")
    #expect(
      limited["engine"] as? String == "llm" && Date().timeIntervalSince(start) >= 1, "waits Retry-After")
    let again = try ask("AGAIN")
    #expect(again["engine"] as? String == "llm", "Retry-After of 0")
    for (word, reason) in [
      ("LIE", "unsupported"), ("CUT", "broken"), ("ERROR", "refused"), ("FOREVER", "overloaded"),
    ] {
      let answer = try ask(word)
      #expect(
        answer["engine"] as? String == "extractive" && answer["text"] as? String == fact + " [1]", "\(word)")
      #expect(
        try pipeline.metric("millrace_generation_fallbacks_total", of: "generate", "reason=\"\(reason)\"")
          == 1)
    }
    // A slow LLM: enough of the deadline remains for the quotes, and the query does not expire.
    let late = try pipeline.ask("HANG Which colour is the harbour lamp?", ["--deadline", "25000"])
    #expect(late["status"] as? String == "answered" && late["engine"] as? String == "extractive", "\(late)")
    #expect(
      try pipeline.metric("millrace_generation_fallbacks_total", of: "generate", "reason=\"timeout\"") == 1)
    let refused = try ask("REFUSE")
    #expect(refused["status"] as? String == "refused" && refused["engine"] as? String == "llm")
    for name in ["gen_ai_client_token_usage_sum", "gen_ai_client_operation_duration_seconds_count"] {
      #expect(try pipeline.metric(name, of: "generate") > 0, "\(name)")
    }
    try slowOne(pipeline)
    try operatorsMetrics(pipeline)
    stub = nil  // stops the endpoint
    let gone = try ask("")
    #expect(gone["engine"] as? String == "extractive")
    #expect(
      try pipeline.metric("millrace_generation_fallbacks_total", of: "generate", "reason=\"unreachable\"")
        >= 1)
    #expect(try pipeline.restarts().values.allSatisfy { $0 == 0 })
  }

  /// Checks that every worker serves the metrics that operators use, and that the workers that measure them count them.
  private func operatorsMetrics(_ pipeline: Pipeline) throws {
    let list = try #require(pipeline.json(["status"])["processes"] as? [[String: Any]])
    for process in list {
      guard let port = process["http_port"] as? Int else { continue }
      let page = try #require(HTTPProbe.get(host: "127.0.0.1", port: UInt16(port), path: "/metrics")).1
      for name in [
        "millrace_retrieval_duration_seconds", "db_client_operation_duration_seconds",
        "gen_ai_client_operation_duration_seconds", "gen_ai_client_token_usage", "kafka_consumergroup_lag",
        "millrace_terminal_states_total", "GPU utilisation",
      ] { #expect(page.contains(name), "\(process["role"] ?? ""): \(name)") }
    }
    for (name, role, label) in [
      ("millrace_retrieval_duration_seconds_count", "retrieve", ""),
      ("db_client_operation_duration_seconds_count", "search-0", ""),
      ("gen_ai_client_operation_duration_seconds_count", "embed-queries", "embeddings"),
      ("gen_ai_client_operation_duration_seconds_count", "embed-documents", "embeddings"),
      ("gen_ai_client_operation_duration_seconds_count", "generate", "chat"),
      ("gen_ai_client_token_usage_sum", "generate", "input"),
      ("millrace_terminal_states_total", "generate", "answered"),
      ("millrace_chunk_amplification", "ingest", ""),
    ] { #expect(try pipeline.metric(name, of: role, label) > 0, "\(name) of \(role)") }
    // The lag is a gauge that returns to 0, so check only that it exists.
    #expect(
      try eventually {
        let port = try #require(list.first { $0["role"] as? String == "generate" }?["http_port"] as? Int)
        let page = HTTPProbe.get(host: "127.0.0.1", port: UInt16(port), path: "/metrics")?.1 ?? ""
        return page.contains("kafka_consumergroup_lag{consumergroup=\"rag-generate\"")
      })
  }

  /// A slow answer delays no other: ten fast queries are answered before it.
  private func slowOne(_ pipeline: Pipeline) throws {
    let slow = UUID().uuidString
    #expect(
      try pipeline.kcat(
        ["-P", "-t", "rag.queries"],
        input: #"{"id":"\#(slow)","text":"SLOW Which colour is the harbour lamp?"}"#
      ).code == 0)
    let fast = (0..<10).map { "fast-\($0)-\(slow)" }
    let asks = fast.enumerated().map { number, id in
      // The texts differ only in their question marks, so that none names another thing.
      #"{"id":"\#(id)","text":"Which colour is the harbour lamp\#(String(repeating: "?", count: number + 1))"}"#
    }
    #expect(try pipeline.kcat(["-P", "-t", "rag.queries"], input: asks.joined(separator: "\n")).code == 0)
    #expect(try pipeline.answer(to: "\"\(slow)\"")?["status"] as? String == "answered")
    let read = try pipeline.kcat([
      "-C", "-t", "rag.answers", "-o", "beginning", "-e", "-q", "-f", "%T %k %s\\n",
    ])
    func answered(_ id: String) throws -> Int {
      let line = try #require(read.text.split(separator: "\n").first { $0.contains(" default/\(id) ") })
      #expect(line.contains(#""status":"answered""#), "\(line)")
      return try #require(Int(line.split(separator: " ").first ?? ""))
    }
    let slowTime = try answered(slow)
    for id in fast { #expect(try answered(id) < slowTime, "\(id) waited for the slow one") }
  }

  @Test("after generate was killed, the LLM is not asked again for queries that have an answer")
  func killedGenerate() throws {
    let stub = try LLMStub()
    let pipeline = try Pipeline(["--llm", stub.url, "--redis", "none"])
    #expect(try pipeline.millrace(["documents", "put", "-", "--id", "lamp"], input: fact).code == 0)
    for number in 0..<5 { _ = try pipeline.ask("Which colour is the harbour lamp number \(number)?") }
    let before = try stub.count()
    let pid = try #require(try pipeline.processes()["generate"])
    kill(pid, SIGKILL)
    #expect(try eventually { try pipeline.processes()["generate"] ?? pid != pid })
    // A kill between the answer and the commit redelivers the prompt. Here every prompt is written again.
    let repeated = try Pipeline.run(
      Pipeline.python, [Pipeline.checkout + "/Tests/Scripts/repeat_topic.py", pipeline.kafka, "rag.prompts"])
    #expect(repeated.text == "5\n", "\(repeated.text)\(repeated.error)")
    #expect(try eventually { try pipeline.states()["generate"] == "running" })
    #expect(
      try eventually {
        try pipeline.metric("messaging_client_consumed_messages_total", of: "generate") >= 5
      }, "the new process has consumed the prompts")
    #expect(try stub.count() == before, "earlier answers are read back")
    #expect(try pipeline.ask("Which colour is the harbour lamp now?")["status"] as? String == "answered")
    #expect(try stub.count() == before + 1)
  }

  @Test(
    "an LLM's habits: thoughts, replies that end early, other forms, servers that refuse parts of a request")
  func habits() throws {
    let stub = try LLMStub()
    let pipeline = try Pipeline(["--llm", stub.url])
    #expect(try pipeline.millrace(["documents", "put", "-", "--id", "lamp"], input: fact).code == 0)
    let question = "Which colour is the harbour lamp painted?"
    func ask(_ word: String) throws -> [String: Any] { try pipeline.ask("\(word) \(question)") }
    func fallbacks(_ reason: String) throws -> Double {
      try pipeline.metric("millrace_generation_fallbacks_total", of: "generate", "reason=\"\(reason)\"")
    }
    func isOfTheLLM(_ answer: [String: Any]) -> Bool {
      answer["engine"] as? String == "llm" && answer["text"] as? String == fact + " [1]"
    }
    for word in ["WHOLE", "NOFINISH", "LASTLINE", "COMMENTS"] {
      let answer = try ask(word)
      #expect(isOfTheLLM(answer), "\(word): \(answer)")
    }
    for word in ["THINK", "CLOSED", "REASON"] {
      let answer = try ask(word)
      #expect(
        answer["status"] as? String == "refused" && answer["engine"] as? String == "llm", "\(word): \(answer)"
      )
    }
    // A sentence that was cut off is dropped, and an answer from such a reply is not cached.
    for word in ["LENGTH", "FILTER"] {
      for _ in 0..<2 {
        let count = try stub.count()
        let answer = try ask(word)
        #expect(isOfTheLLM(answer) && answer["cache"] as? String == "miss", "\(word): \(answer)")
        #expect(try stub.count() == count + 1)
      }
    }
    #expect(try ask("DREAM")["engine"] as? String == "extractive")
    #expect(try fallbacks("cut") == 1)
    #expect(
      try pipeline.askCached("WHOLE \(question)")["cache"] as? String == "exact", "a whole reply is cached")
    var isFree = false
    for _ in 0..<5 where !isFree {
      let count = try stub.count()
      if try ask("WHOLE")["cache"] as? String != "exact" { continue }
      #expect(try stub.count() == count)
      isFree = true
    }
    #expect(isFree)
    for _ in 0..<2 { #expect(try ask("UNPAID")["engine"] as? String == "extractive") }
    #expect(try fallbacks("refused") == 2)
    try refusals(pipeline, stub, question)
    try operatorSees(pipeline, stub)
  }

  /// Checks that a server that refuses parts of a request gets the next request without them.
  private func refusals(_ pipeline: Pipeline, _ stub: LLMStub, _ question: String) throws {
    let id = UUID().uuidString
    let query =
      #"{"id":"\#(id)","text":"STRICT \#(question)","history":[{"role":"assistant","text":"Hello."},"#
      + #"{"role":"user","text":"Is there a lamp?"}]}"#
    #expect(try pipeline.kcat(["-P", "-t", "rag.queries"], input: query).code == 0)
    let strict = try #require(try pipeline.answer(to: "\"\(id)\""))
    #expect(strict["engine"] as? String == "llm", "\(strict)")
    #expect(try stub.report()["roles"] as? [String] == ["system", "user"])
    for (word, requests) in [("NEWER", 3), ("NOOPTIONS", 2), ("NOSYSTEM", 2), ("ANOTHER", 1)] {
      let count = try stub.count()
      let answer = try pipeline.ask("\(word) \(question)")
      #expect(answer["engine"] as? String == "llm", "\(word): \(answer)")
      #expect(try stub.count() == count + requests, "\(word)")
    }
    let last = try stub.report()
    #expect(last["fields"] as? [String] == ["max_completion_tokens", "messages", "model", "stream"])
    #expect(last["roles"] as? [String] == ["user"])
  }

  /// Checks that the log, `status` and `doctor` show the server's own words and what to do.
  private func operatorSees(_ pipeline: Pipeline, _ stub: LLMStub) throws {
    let log = try String(contentsOfFile: pipeline.state + "/logs/generate.log", encoding: .utf8)
    for words in [
      "Unsupported parameter: 'max_tokens'", "llm.tokensParameter=max_completion_tokens",
      "llm.strictRoles=true",
      "Incorrect API key provided: (hidden)", "llm.answerTokensMax must be enough",
    ] { #expect(log.contains(words), "\(words)") }
    #expect(!log.contains("harbour") && !log.contains("sk-abc"), "neither texts nor keys")
    let refused = log.split(separator: "\n").filter { $0.contains("Incorrect API key") }
    #expect(refused.count == 1, "\(refused)")
    let processes = try #require(try pipeline.json(["status"])["processes"] as? [[String: Any]])
    let calls = try #require(
      processes.first { $0["role"] as? String == "generate" }?["llm"] as? [String: Any])
    #expect(calls["fallbacks"] as? [String: Int] == ["cut": 1, "refused": 2], "\(calls)")
    #expect(calls["calls"] as? Int ?? 0 > 10, "\(calls)")
    #expect(try pipeline.millrace(["status"]).text.contains("% quoted instead: refused 2, cut 1"))
    let doctor = try pipeline.millrace(["doctor"])
    #expect(doctor.text.contains(#"answered "The lamp is red." in"#), "\(doctor)")
    let newer = try pipeline.millrace(["doctor", "--llm-model", "NEWER"])
    #expect(newer.text.contains("set llm.tokensParameter=max_completion_tokens, llm.temperature"), "\(newer)")
  }

  /// Checks that no log contains texts, keys or questions of users, whether their records are valid or not.
  private func logsHoldNothingOfUsers(_ pipeline: Pipeline) throws {
    let mark = "Xylophanes"
    #expect(
      try pipeline.millrace(
        ["documents", "put", "-", "--id", "\(mark)-id"], input: "The \(mark) moth flies in the yard at night."
      ).code == 0)
    _ = try pipeline.ask("Where does the \(mark) moth fly?", ["--principal", "\(mark)-principal"])
    for value in [
      "{\"id\":\"\(mark)\"}", "\(mark) is no JSON", "{\"id\":\"q\",\"text\":\"x\",\"mode\":\"\(mark)\"}",
    ] {
      _ = try pipeline.kcat(["-P", "-t", "rag.queries", "-k", mark], input: value)
      _ = try pipeline.kcat(
        ["-P", "-t", "rag.documents", "-k", "default/\(mark)", "-X", "partitioner=murmur2_random"],
        input: value)
    }
    _ = try pipeline.ask("How long are database backups kept?")
    let found = try Pipeline.run("/bin/grep", ["-rl", mark, pipeline.state + "/logs"])
    #expect(found.code == 1, "logs with users' data: \(found.text)")
  }

  @Test("llama-server with a real model: the source of each citation contains its quote")
  func realModel() throws {
    let pipeline = try Pipeline(["--with-llm"])
    #expect(try pipeline.millrace(["documents", "put", Pipeline.handbook]).code == 0)
    var engines: Set<String> = []
    for question in [
      "How long can I stay connected to the VPN before I have to log in again?",
      "How long are database backups kept?", "Who approves smaller purchases?",
    ] {
      let answer = try pipeline.ask(question)
      #expect(answer["status"] as? String == "answered", "\(answer)")
      engines.insert(answer["engine"] as? String ?? "")
      for citation in try #require(answer["citations"] as? [[String: Any]]) {
        let name = try #require(citation["document_id"] as? String)
        let quote = try #require(citation["quote"] as? String)
        let source = try String(contentsOfFile: Pipeline.handbook + "/" + name, encoding: .utf8)
        func folded(_ text: String) -> String {
          text.filter { !"*_`".contains($0) }.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        #expect(folded(source).contains(folded(quote)), "\(name) lacks \(quote)")
      }
    }
    try logsHoldNothingOfUsers(pipeline)
    print("engines with the real model: \(engines.sorted())")
    #expect(engines.isSubset(of: ["llm", "extractive"]))
    #expect(
      try pipeline.metric("gen_ai_client_token_usage_count", of: "generate", "gen_ai_token_type=\"output\"")
        >= 3)
  }
}
