import CommandLine
import Foundation
import LocalState
import Records
import Stage
import Time

/// `millrace eval answers`: how good the answers are, by SQuAD's own rules.
enum EvalAnswers {
  static let command = Command(
    "answers", abstract: "Exact match, F1, citations and refusals of questions whose answers are known.",
    discussion: """
      DOCUMENTS has a record per line ({id, text, …}), QUESTIONS too ({id, question, answers, answerable}). Exact match
      and F1 are SQuAD's: small letters, no punctuation, no articles, the best of the given answers. A citation is
      right when its quote stands in its document at its offsets. Caches are passed by.
      """,
    options: [
      .option("--documents", "FILE", "the documents; put first, under --tenant, unless --no-put"),
      .option("--questions", "FILE", "the questions"), .option("--tenant", "NAME", "tenant (default: eval)"),
      .option("--limit", "N", "N questions, spread over the file"),
      .flag("--no-put", "the documents are there"),
      .option("--concurrency", "N", "questions at once (default 16)"),
    ], action: run)

  struct Question: Sendable {
    var text: String
    var answers: [String]
    var isAnswerable: Bool
  }

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try Configuration.settings(arguments)
    try await QueryClient.check(settings)
    let tenant = try arguments.tenant(default: "eval")
    guard let questionsPath = arguments.value("--questions"),
      let documentsPath = arguments.value("--documents")
    else { throw UsageError("--documents and --questions are needed") }
    let documents = try DocumentFiles.lines(path: documentsPath, tenant)
    if !arguments.flag("--no-put") { try await DocumentClient.putAll(documents, settings) }
    let questions = try read(questionsPath, limit: arguments.integer("--limit", in: 1...1_000_000))
    let queries = questions.compactMap { question -> QueryRecord? in
      guard let id = QueryID("eval-\(UUID().uuidString.lowercased())") else { return nil }
      var query = QueryRecord(id: id, tenant: tenant, text: question.text)
      query.deadlineMilliseconds = QueryRecord.deadlineMaxMilliseconds
      query.cache = .bypass
      return query
    }
    let client = try QueryClient(settings: settings)
    let watch = Stopwatch()
    let answers = try await client.ask(
      queries, concurrency: arguments.integer("--concurrency", in: 1...1000) ?? 16
    ) { done, _ in if done % 20 == 0 { Terminal.bar(done, of: queries.count, "asked") } }
    await client.close()
    if Terminal.isInteractive { Terminal.complain("") }
    let report = Report(questions, answers, documents, seconds: watch.seconds)
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return report.isGood ? .success : .failure
  }

  private static func read(_ path: String, limit: Int?) throws -> [Question] {
    let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let all = try data.split(separator: 0x0A).compactMap { line -> Question? in
      let value = try JSONReader.read(Array(line))
      guard let text = value["question"]?.stringValue else { return nil }
      let answers = value["answers"]?.arrayValue?.compactMap(\.stringValue) ?? []
      return Question(
        text: text, answers: answers, isAnswerable: value["answerable"]?.boolValue ?? !answers.isEmpty)
    }
    guard let limit, limit < all.count else { return all }
    return (0..<limit).map { all[$0 * all.count / limit] }
  }

  struct Report: Sendable {
    var count = 0
    var missing = 0
    var answerable = 0
    var exact = 0.0
    var f1 = 0.0
    var citations = 0
    var rightCitations = 0
    var refused = 0
    var rightlyRefused = 0
    var unanswerable = 0
    var engines: [String: Int] = [:]
    var seconds: Double

    init(_ questions: [Question], _ answers: [AnswerRecord?], _ documents: [DocumentRecord], seconds: Double)
    {
      self.seconds = seconds
      count = questions.count
      var texts: [String: [UInt8]] = [:]
      for document in documents {
        if case .text(let text) = document.content { texts[document.id.rawValue] = Array(text.utf8) }
      }
      for (question, answer) in zip(questions, answers) {
        if question.isAnswerable { answerable += 1 } else { unanswerable += 1 }
        guard let answer, answer.status == .answered || answer.status == .refused else {
          missing += 1
          continue
        }
        if answer.status == .refused {
          refused += 1
          if !question.isAnswerable { rightlyRefused += 1 }
          continue
        }
        engines[answer.engine, default: 0] += 1
        for citation in answer.citations {
          citations += 1
          let (start, end) = (Int(clamping: citation.start), Int(clamping: citation.end))
          if let text = texts[citation.documentID.rawValue], start < end, end <= text.count,
            text[start..<end].elementsEqual(citation.quote.utf8)
          {
            rightCitations += 1
          }
        }
        guard question.isAnswerable else { continue }
        let said = answer.text.replacing(/\s*\[\d+\]/, with: "")
        exact += question.answers.map { SQuAD.isExact(said, $0) ? 1 : 0 }.max() ?? 0
        f1 += question.answers.map { SQuAD.f1(said, $0) }.max() ?? 0
      }
    }

    private func share(_ part: some BinaryInteger, _ whole: some BinaryInteger) -> Double {
      whole == 0 ? 0 : Double(part) / Double(whole)
    }
    private var rightShare: Double { citations == 0 ? 1 : share(rightCitations, citations) }
    var isGood: Bool { missing == 0 && rightCitations == citations }

    var json: JSONValue {
      .object([
        "questions": .int(count), "missing": .int(missing), "answerable": .int(answerable),
        "exact_match": .double(exact / Double(max(1, answerable))),
        "f1": .double(f1 / Double(max(1, answerable))),
        "citations": .int(citations), "citations_right": .double(rightShare),
        "refused": .int(refused), "refusal_precision": .double(share(rightlyRefused, refused)),
        "refusal_recall": .double(share(rightlyRefused, unanswerable)),
        "engines": .object(
          engines.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: .int($0.value)) }),
        "questions_per_second": .double(Double(count) / seconds),
      ])
    }

    var text: String {
      let used = engines.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
      return [
        "\(count) questions (\(answerable) answerable) in \(String(format: "%.1f", seconds)) s, \(missing) without answer",
        String(
          format: "exact match %.3f  F1 %.3f  (over the answerable)", exact / Double(max(1, answerable)),
          f1 / Double(max(1, answerable))),
        "citations \(citations), of which right \(String(format: "%.4f", rightShare))",
        String(
          format: "refused %d: precision %.3f  recall %.3f", refused, share(rightlyRefused, refused),
          share(rightlyRefused, unanswerable)), "answered by \(used)",
      ].joined(separator: "\n")
    }
  }
}
