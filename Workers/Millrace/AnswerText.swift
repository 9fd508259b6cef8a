import Client
import Foundation
import Records

enum AnswerText {
  /// - Parameter streamed: the text that was already printed.
  static func render(_ answer: AnswerRecord, mode: QueryRecord.Mode, streamed: String = "") -> String {
    var lines: [String] = []
    switch answer.status {
    case .answered:
      if mode == .answer, answer.text != streamed {
        lines.append((streamed.isEmpty ? "" : "(this answer replaces the lines above)\n") + answer.text)
      }
    case .refused: lines.append("refused: \(answer.text)")
    default:
      lines.append("\(answer.status.rawValue)\(answer.error.map { ": \($0.code): \($0.message)" } ?? "")")
    }
    for citation in answer.citations {
      let title = citation.title.isEmpty ? "" : " \u{201C}\(citation.title)\u{201D}"
      let score = String(format: "%.3f", citation.score)
      lines.append(
        "  [\(citation.n)] \(citation.documentID)\(title) bytes \(citation.start)-\(citation.end), version "
          + "\(citation.version), score \(score)\(ranks(citation))")
      if !citation.headingPath.isEmpty {
        lines.append("      below \(citation.headingPath.joined(separator: " > "))")
      }
      if !citation.context.isEmpty { lines.append("      (\(citation.context))") }
      let quote = citation.quote.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      lines.append("      \u{201C}\(quote.count > 300 ? String(quote.prefix(299)) + "…" : quote)\u{201D}")
      if !citation.alsoIn.isEmpty {
        lines.append("      also in \(citation.alsoIn.map(\.document.id.rawValue).joined(separator: ", "))")
      }
    }
    if answer.status == .answered, answer.citations.isEmpty { lines.append("nothing found") }
    let engine = [answer.engine.isEmpty ? "-" : answer.engine, answer.engine == "llm" ? answer.model : ""]
    let cached = answer.cache == .miss ? "" : "from the cache, "
    let timings = "\(cached)\(answer.timingsText)"
    lines.append(
      "  engine \(engine.filter { !$0.isEmpty }.joined(separator: " "))"
        + (timings.isEmpty ? "" : ", \(timings)"))
    if answer.shardsAnswered < answer.shardsTotal {
      lines.append("  from only \(answer.shardsAnswered) of \(answer.shardsTotal) shards")
    }
    if answer.isQuestionCut { lines.append("  the question is too long: its end was not searched for") }
    for warning in answer.warnings { lines.append("  warning: \(warning)") }
    if answer.behind.hasMissedToken {
      lines.append("  searched before the index had reached the token of `after`")
    }
    if answer.behind.records > 0 { lines.append("  the index is \(answer.behind.records) records behind") }
    return lines.joined(separator: "\n")
  }

  private static func ranks(_ citation: AnswerRecord.Citation) -> String {
    [("vectors", citation.denseRank), ("words", citation.lexicalRank)].compactMap { name, rank in
      rank.map { ", \(name) #\($0)" }
    }.joined()
  }
}
