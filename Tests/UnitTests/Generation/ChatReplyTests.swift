import TestSupport
import Testing

@testable import Generation

// Goal: replies are read in every form that servers send, and a truncated reply is never taken for a complete one.
// Method: replies in pieces of several sizes.

@Suite struct ChatReplyTests {
  private func read(_ body: String, holdsBack: Bool = false) throws -> ChatClient.Result {
    var results: [ChatClient.Result] = []
    let bytes = Array(body.utf8)
    for size in [1, 7, 10_000] {
      var reply = ChatReply(holdsBack: holdsBack)
      for start in stride(from: 0, to: bytes.count, by: size) {
        _ = try reply.feed(Array(bytes[start..<min(start + size, bytes.count)]))
      }
      _ = try reply.end()
      results.append(reply.result)
    }
    #expect(results.allSatisfy { $0.text == results[0].text && $0.finish == results[0].finish })
    return results[0]
  }

  private func event(_ delta: String, _ finish: String? = nil) -> String {
    let reason = finish.map { "\"\($0)\"" } ?? "null"
    return #"data: {"model":"m","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(reason)}]}"#
  }
  private var words: String {
    event(#"{"content":"It is "}"#) + "\n\n" + event(#"{"content":"red."}"#) + "\n\n"
  }

  @Test("a stream is read with a finish reason, with [DONE], with both, and without a last line break")
  func streams() throws {
    let stop = event("{}", "stop")
    for (end, finish) in [
      (stop + "\n\ndata: [DONE]\n\n", ChatFinish.stop), (stop + "\n\n", .stop), (stop + "\n", .stop),
      (stop, .stop),
      ("data: [DONE]\n\n", .unknown), ("data:[DONE]", .unknown), (event("{}", "length") + "\n\n", .length),
      (event("{}", "content_filter") + "\n\n", .contentFilter), (event("{}", "tool_calls") + "\n\n", .other),
      (event("{}", "abort") + "\n\n", .interrupted), (event("{}", "") + "\n\ndata: [DONE]", .unknown),
    ] {
      let result = try read(words + end)
      #expect(result.text == "It is red." && result.finish == finish && result.model == "m", "\(end)")
    }
  }

  @Test("a stream is read with comments, CRLF, a byte order mark, blank lines, empty events and usage")
  func habits() throws {
    let usage = #"data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}"#
    let plain = words + event("{}", "stop") + "\n\n" + usage + "\n\ndata: [DONE]\n\n"
    for body in [
      plain, plain.replacing("\n", with: "\r\n"), plain.replacing("\n", with: "\r"), "\u{FEFF}" + plain,
      "\n\n" + plain, ": PROCESSING\n\n" + plain, "data:\n\n" + plain,
      plain.replacing("data: ", with: "data:"),
      plain.replacing("\n\n", with: "\n"), plain.replacing("data:", with: "id: 1\nevent: message\ndata:"),
    ] {
      let result = try read(body)
      #expect(result.text == "It is red." && result.usage.promptTokens == 11, "\(body)")
      #expect(result.usage.completionTokens == 7)
    }
  }

  @Test("a reply that is not streamed is read; its content may be a list")
  func whole() throws {
    for content in [
      #""It is red.""#, #"[{"type":"text","text":"It is "},{"type":"text","text":"red."}]"#,
      #"[{"type":"thinking","thinking":"Blue?"},{"type":"text","text":"It is red."}]"#,
      #""<think>Blue?</think>It is red.""#,
    ] {
      let result = try read(
        "\n" + #"{"model":"m","usage":null,"choices":[{"message":{"role":"assistant","content":\#(content),"#
          + #""reasoning_content":"Blue?"},"finish_reason":"stop"}]}"#)
      #expect(result.text == "It is red." && result.finish == .stop, "\(content)")
    }
    #expect(
      try read(#"{"choices":[{"message":{"content":null},"finish_reason":"length"}]}"#).finish == .length)
    #expect(try read(#"{"choices":[{"message":{"content":"Red."}}]}"#).finish == .unknown)
  }

  @Test("reasoning and refusals are not text; null and unknown members are not an error")
  func otherMembers() throws {
    let result = try read(
      event(#"{"role":"assistant","content":null,"reasoning_content":"Blue?","reasoning":"Blue?"}"#) + "\n\n"
        + event(#"{"refusal":"No.","content":""}"#) + "\n\n"
        + #"data: {"error":null,"model":null,"usage":null,"choices":null,"x":[{}]}"# + "\n\n" + "data: {}\n\n"
        + #"data: {"choices":[{}]}"# + "\n\n" + #"data: {"choices":[{"delta":null,"finish_reason":null}]}"#
        + "\n\n"
        + #"data: {"choices":[7],"usage":{"prompt_tokens":"x","completion_tokens":-1e99}}"# + "\n\n"
        + words + #"data: {"choices":[{"message":{"content":"It is red."},"finish_reason":"stop"}]}"# + "\n\n"
    )
    #expect(result.text == "It is red." && result.finish == .stop)
  }

  @Test("thoughts are not text, also without an opening tag")
  func thoughts() throws {
    let body =
      event(#"{"content":"It is blue. No.\n</th"}"#) + "\n\n"
      + event(#"{"content":"ink>\n\nIt is red."}"#, "stop")
    #expect(try read(body).text == "\n\nIt is red.")
    #expect(try read(body, holdsBack: true).text == "\n\nIt is red.")
    #expect(try read(words + event("{}", "stop"), holdsBack: true).text == "It is red.")
  }

  @Test(
    "a reply that was truncated or can't be read is broken",
    arguments: [
      "", "\n", "<html>Login</html>", "data: {\"choices\":[", "data: {\"choices\":[]}\n\n", "data: x\n\n",
      "{\"choices\":[{",
      "{}", "{\"choices\":[]}", "data: \u{0}\n\n", ": only a comment\n\n", "data: [DONE",
    ])
  func broken(_ body: String) {
    #expect { try read(body) } throws: { ($0 as? ChatFailure)?.reason == .broken }
    #expect { try read(words + body.replacing("{\"", with: "data: {\"")) } throws: {
      ($0 as? ChatFailure)?.reason == .broken
    }
  }

  @Test("an error in the reply is a refusal with its code, before and after text")
  func errors() {
    for (body, status) in [
      (#"{"error":{"message":"busy","code":429}}"#, 429), (#"{"error":"busy"}"#, 0),
      (#"{"object":"error","message":"busy","code":"503"}"#, 503), (#"{"error":{"status":400}}"#, 400),
    ] {
      for (text, isLate) in [
        ("data: \(body)\n\n", false), (body, false), (words + "data: \(body)\n\n", true),
      ] {
        #expect { try read(text) } throws: { error in
          guard let refused = error as? ChatReply.Refused else { return false }
          return refused.status == status && refused.isLate == isLate
        }
      }
    }
  }

  @Test("damaged replies cause no trap")
  func damaged() {
    let bodies = [
      words + event("{}", "stop") + "\n\ndata: [DONE]\n\n",
      #"{"choices":[{"message":{"content":[{"type":"text","text":"<think>a</think>Red."}]}}],"usage":{}}"#,
      #"data: {"error":{"message":"busy","code":429}}"# + "\n\n",
    ].map { Array($0.utf8) }
    for seed in 0..<300 {
      var random = SplitMix(state: UInt64(seed))
      var bytes = bodies[seed % bodies.count]
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      var reply = ChatReply(holdsBack: seed.isMultiple(of: 2))
      do {
        while !bytes.isEmpty {
          let count = Int.random(in: 1...bytes.count, using: &random)
          _ = try reply.feed(Array(bytes.prefix(count)))
          bytes.removeFirst(count)
        }
        _ = try reply.end()
      } catch let refused as ChatReply.Refused {
        _ = ChatDialect().adapted(to: 400, refused.body)
      } catch {
        #expect(error is ChatFailure, "seed \(seed)")
      }
    }
  }

  @Test("a line or an answer that is too long is refused")
  func tooLong() {
    let long = String(repeating: "a", count: 1 << 20)
    var reply = ChatReply()
    #expect(throws: ChatFailure.self) { try reply.feed(Array("data: \(long)\(long)".utf8)) }
    var other = ChatReply()
    #expect(throws: ChatFailure.self) {
      for _ in 0..<3 {
        _ = try other.feed(Array((event(#"{"content":"\#(long.dropLast(1000))"}"#) + "\n\n").utf8))
      }
    }
  }
}
