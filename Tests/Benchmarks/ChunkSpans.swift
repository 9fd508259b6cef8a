import Chunking
import Encoder
import Foundation
import Parsing
import Records
import TestSupport
import Tokenizer
import VectorMath

/// `millrace-bench chunk-spans`: measures, for several chunk sizes, how much of the passages that answer a question
/// lies in the nearest chunks.
///
/// For the questions of `data/qa/chunk-spans` in the folder MILLRACE_SHARED it prints the mean share of the bytes of
/// the gold spans that lie in the five nearest chunks, the mean number of tokens of these chunks, and the mean share in
/// as many of the nearest chunks as have at most 1,280 tokens together. The last figure compares small chunks with
/// large ones at the same cost.
enum ChunkSpans {
  private struct Piece {
    var document: String
    var range: Range<Int>
    var tokens: Int
  }

  private struct Question {
    var text: String
    var spans: [(document: String, range: Range<Int>)]
  }

  private static let budget = 1280

  static func run(sizes: [Int]) async throws {
    guard let root = SharedData.root else {
      print("chunk-spans: no test data: MILLRACE_SHARED")
      return
    }
    BLAS.useOneThread()
    let folder = root + "/data/qa/chunk-spans"
    let (documents, questions) = try read(folder)
    let encoder = try Encoder(directory: Checkout.model, modelID: "bench")
    let vocabulary = Checkout.model + "/vocab.txt"
    let asked = await encoder.encode(questions.map(\.text))
    print(
      """
      \(documents.count) documents, \(questions.count) questions; the encoder reads \(Encoder.tokensMax) tokens
      | tokens a chunk | overlap | chunks | span in 5 chunks | tokens of 5 | span in \(budget) tokens |
      |---|---|---|---|---|---|
      """)
    for size in sizes {
      let overlap = size / 8
      let chunker = Chunker(
        tokenizer: try WordPieceTokenizer(path: vocabulary), tokensMax: size, overlapTokens: overlap)
      var pieces: [Piece] = []
      var texts: [String] = []
      for (id, text) in documents {
        for chunk in try chunker.chunks(of: PlainText.parse(text)).chunks {
          pieces.append(
            Piece(document: id, range: Int(chunk.start)..<Int(chunk.end), tokens: Int(chunk.tokenCount)))
          texts.append(chunk.embeddedText)
        }
      }
      let vectors = await encoder.encode(texts)
      let width = encoder.dimension
      var (inFive, tokens, inBudget) = (0.0, 0, 0.0)
      for (number, question) in questions.enumerated() {
        let vector = asked[number * width..<(number + 1) * width]
        let scores = pieces.indices.map { row in
          zip(vector, vectors[row * width..<(row + 1) * width]).reduce(Float(0)) { $0 + $1.0 * $1.1 }
        }
        let order = pieces.indices.sorted { scores[$0] > scores[$1] }
        let five = order.prefix(5).map { pieces[$0] }
        inFive += share(of: question, in: five)
        tokens += five.reduce(0) { $0 + $1.tokens }
        var left = budget
        let cheap = order.lazy.map { pieces[$0] }.prefix { piece in
          left -= piece.tokens
          return left >= 0
        }
        inBudget += share(of: question, in: Array(cheap))
      }
      let count = Double(questions.count)
      print(
        "| \(size) | \(overlap) | \(pieces.count) | \(String(format: "%.3f", inFive / count)) "
          + "| \(tokens / questions.count) | \(String(format: "%.3f", inBudget / count)) |")
    }
  }

  /// The share of the bytes of the question's spans that lies in the pieces.
  private static func share(of question: Question, in pieces: [Piece]) -> Double {
    var (covered, whole) = (0, 0)
    for span in question.spans {
      var isHeld = [Bool](repeating: false, count: span.range.count)
      for piece in pieces where piece.document == span.document {
        for place in piece.range.clamped(to: span.range) { isHeld[place - span.range.lowerBound] = true }
      }
      covered += isHeld.count { $0 }
      whole += isHeld.count
    }
    return whole == 0 ? 0 : Double(covered) / Double(whole)
  }

  private static func read(_ folder: String) throws -> ([(String, String)], [Question]) {
    func lines(_ name: String) throws -> [[String: Any]] {
      try String(contentsOfFile: "\(folder)/\(name).jsonl", encoding: .utf8).split(separator: "\n").compactMap
      {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
    }
    let documents = try lines("documents").compactMap { line -> (String, String)? in
      guard let id = line["id"] as? String, let text = line["text"] as? String else { return nil }
      return (id, text)
    }
    // The spans count characters; chunks count bytes.
    var places: [String: [Int]] = [:]
    for (id, text) in documents {
      var bytes = [0]
      for scalar in text.unicodeScalars { bytes.append(bytes[bytes.count - 1] + scalar.utf8.count) }
      places[id] = bytes
    }
    let questions = try lines("questions").compactMap { line -> Question? in
      guard let text = line["question"] as? String, let spans = line["spans"] as? [[String: Any]] else {
        return nil
      }
      return Question(
        text: text,
        spans: spans.compactMap { span in
          guard let id = span["doc_id"] as? String, let start = span["start"] as? Int,
            let end = span["end"] as? Int, let bytes = places[id], end < bytes.count, start < end
          else { return nil }
          return (id, bytes[start]..<bytes[end])
        })
    }
    return (documents, questions)
  }
}
