// swift-format-ignore-file: NeverForceUnwrap
import Records
import Testing

@testable import Evaluation

// Goal: the figures of an evaluation are correct. Method: a few answers, with figures calculated by hand.

@Suite struct ReportTests {
  private func citation(_ document: String, _ quote: String, _ start: UInt64) -> AnswerRecord.Citation {
    AnswerRecord.Citation(
      n: 1, documentID: DocumentID(document)!, version: Version(epoch: 1, offset: 0),
      chunkID: "\(document)#0", title: "", uri: "", start: start, end: start + UInt64(quote.utf8.count),
      quote: quote, score: 1)
  }

  private func answer(_ text: String, _ citations: [AnswerRecord.Citation], _ status: AnswerRecord.Status)
    -> AnswerRecord
  {
    var answer = AnswerRecord(id: "q", tenant: "eval", status: status)
    answer.text = text
    answer.citations = citations
    answer.engine = "extractive"
    return answer
  }

  @Test("exact match, F1, citations, refusals and missing answers are counted")
  func answers() throws {
    let document = DocumentRecord(id: DocumentID("d")!, content: .text("The tower is 320 metres tall."))
    let questions = [
      KnownQuestion(text: "how tall?", answers: ["320 metres"], isAnswerable: true),
      KnownQuestion(text: "how tall?", answers: ["320 metres"], isAnswerable: true),
      KnownQuestion(text: "who?", answers: [], isAnswerable: false),
      KnownQuestion(text: "what?", answers: ["a tower"], isAnswerable: true),
      KnownQuestion(text: "when?", answers: [], isAnswerable: false),
    ]
    let report = AnswersReport(
      questions,
      [
        answer("The 320 metres. [1]", [citation("d", "320 metres", 13)], .answered),
        answer("320 feet", [citation("d", "320 metres", 12)], .answered),
        answer("", [], .refused), answer("", [], .refused), nil,
      ], [document], seconds: 2)
    let json = report.json
    #expect(json["exact_match"]?.doubleValue == 1.0 / 3)
    #expect(json["f1"]?.doubleValue == (1 + 0.5) / 3)
    #expect(json["citations_right"]?.doubleValue == 0.5, "the second quote is not at its offsets")
    #expect(json["refusal_precision"]?.doubleValue == 0.5 && json["refusal_recall"]?.doubleValue == 0.5)
    #expect(json["missing"] == .int(1) && !report.isGood)
  }

  @Test("SQuAD's measures ignore case, articles and punctuation; repeated words count as often as they match")
  func squad() {
    #expect(SQuAD.isExact("The Tower!", "tower"))
    #expect(!SQuAD.isExact("tower bridge", "tower"))
    #expect(SQuAD.f1("new york york", "new york city") == 2.0 / 3)
    #expect(SQuAD.f1("", "the") == 1 && SQuAD.f1("x", "") == 0)
  }

  @Test("recall is the share of questions with a relevant document among the first hits")
  func recall() {
    let hits = (1...10).map { citation("d\($0)", "x", 0) }
    let found = answer("", hits, .answered)
    var report = RetrievalReport(
      questions: [
        Question(text: "a", relevant: ["d1"]), Question(text: "b", relevant: ["d5"]),
        Question(text: "c", relevant: ["d10"]), Question(text: "d", relevant: ["d11"]),
      ], runs: [.init(mode: .hybrid, answers: [found, found, found, found], seconds: 1)])
    let scores = report.json["hybrid"]
    #expect(scores?["recall_at_1"]?["value"]?.doubleValue == 0.25)
    #expect(scores?["recall_at_5"]?["value"]?.doubleValue == 0.5)
    #expect(scores?["recall_at_10"]?["value"]?.doubleValue == 0.75)
    #expect(abs((scores?["mrr_at_10"]?["value"]?.doubleValue ?? 0) - (1 + 0.2 + 0.1) / 4) < 1e-12)
    let gain = scores?["ndcg_at_10"]
    // The gains at ranks 1, 5 and 10 are 1, 1 / log2(6) and 1 / log2(11).
    let expected = (1 + 0.386_852_807_234_541_6 + 0.289_064_826_317_887_86) / 4
    #expect(abs((gain?["value"]?.doubleValue ?? 0) - expected) < 1e-12)
    #expect((gain?["low"]?.doubleValue ?? 1) < 0.4 && (gain?["high"]?.doubleValue ?? 0) > 0.4)
    #expect(report.isGood)
    report.mismatches = ["q: rank 1 differs"]
    #expect(!report.isGood)
  }

  @Test("the fusion report chooses the best share on one half of the questions, and judges it on the other")
  func fusion() throws {
    let key = DocumentKey(tenant: .standard, id: DocumentID("d")!)
    func hit(_ id: String, _ cosine: Float, _ frequency: UInt32) -> Hit {
      var info = DocumentInfo(key: key, version: Version(epoch: 1, offset: 0))
      info.key.id = DocumentID(id)!
      var hit = Hit(document: info, chunk: Chunk(), denseScore: cosine)
      if frequency > 0 { hit.postings = [.init(term: 0, frequency: frequency)] }
      hit.length = 100
      return hit
    }
    var record = CandidatesRecord(flight: QueryInFlight(query: QueryRecord(id: QueryID("q")!, text: "x")))
    record.hits = [hit("near", 0.9, 0), hit("worded", 0.6, 100)]
    (record.dense, record.lexical) = ([0, 1], [1])
    var words = LexicalCandidates()
    words.terms = [TermStatistics(term: "x", documentFrequency: 1, weighedFrequency: 1)]
    (words.chunks, words.length) = (10, 1000)
    record.words = words
    // One half of the questions asks for the document that has the word, the other half for the nearest one.
    let questions = (0..<20).map { number -> Question in
      var question = Question(text: "\(number)", relevant: ["a\(number)"])
      question.relevant.insert(question.isJudged ? "near" : "worded")
      return question
    }
    #expect(Set(questions.map(\.isJudged)) == [true, false])
    var candidates = SearchedCandidates(records: Array(repeating: [record], count: 20))
    candidates.sizes = [10, 30, 20]
    let report = FusionReport(questions, candidates, depth: 20)
    let curve = try #require(report.curves.first)
    #expect(report.curves.count == 1 && curve.kind == .plain)
    #expect(curve.fittedCount + curve.judgedCount == 20)
    // One of the two relevant documents is found, at rank 1 or 2.
    let ideal = 1 + 1 / 1.584_962_500_721_156
    let (first, second) = (1 / ideal, 0.630_929_753_571_457_4 / ideal)
    #expect(abs(curve.fitted[0] - first) < 1e-9 && abs(curve.fitted[20] - second) < 1e-9)
    #expect(abs(curve.judged[0] - second) < 1e-9 && abs(curve.judged[20] - first) < 1e-9)
    #expect(curve.bestShare == 0.5, "of equally good shares, the one nearest to 0.5")
    #expect(report.json["candidates_bytes_p50"]?.doubleValue == 20)
  }

  @Test(
    "an account with contradicted states is not balanced; its examples are the first ten by name")
  func account() {
    var account = Account(kind: "queries", states: [("answered", 2)], stages: ["search"])
    #expect(account.isBalanced)
    for number in (0..<30).reversed() { account.note("q\(number + 10)") }
    #expect(account.examples == (10..<20).map { "q\($0)" })
    account.contradicted = 1
    #expect(!account.isBalanced)
  }

  @Test("a span is a number with a unit", arguments: [("90m", 5_400_000), ("7d", 604_800_000), ("1s", 1000)])
  func span(_ text: String, _ milliseconds: Int64) throws {
    #expect(try LedgerSpan(text).milliseconds == milliseconds)
    for bad in ["", "m", "-1h", "0d", "1w", "1000000s", "1.5h"] {
      #expect(throws: (any Error).self) { try LedgerSpan(bad) }
    }
  }
}
