import Chunking
import Encoder
import Evaluation
import Foundation
import Parsing
import TestSupport
import Tokenizer
import VectorMath

/// `millrace-bench numeric-classes`: measures how the encoder's numeric classes change retrieval, for every pair of a
/// class for the questions and a class for the documents.
///
/// Prints the nDCG@10 of an exact search by cosine alone, over the chunks that ingest would make (the score of a
/// document is that of its best chunk), on scifact and squad2-dev. The choice of `encoder.precision: auto`
/// (`EncoderPrecision`) rests on these figures.
enum NumericClasses {
  private struct Line: Decodable {
    var id: String
    var text: String?
    var title: String?
    var question: String?
    var relevant_doc_ids: [String]?
  }

  static func run() async throws {
    guard let root = SharedData.root else {
      print("numeric-classes: no test data: MILLRACE_SHARED")
      return
    }
    BLAS.useOneThread()
    let classes = NumericClass.allCases.filter { $0.isSupported(on: .best) }
    print("instruction set \(InstructionSet.best.rawValue); this takes 15 minutes")
    for set in ["scifact", "squad2-dev"] {
      let folder = "\(root)/data/qa/\(set)"
      let chunker = Chunker(
        tokenizer: try WordPieceTokenizer(path: Checkout.model + "/vocab.txt"), tokensMax: 256,
        overlapTokens: 32)
      var (owners, texts): ([String], [String]) = ([], [])
      for document in try lines(folder + "/documents.jsonl") {
        let text = (document.title.map { $0 + "\n\n" } ?? "") + (document.text ?? "")
        for chunk in try chunker.chunks(of: PlainText.parse(text)).chunks {
          owners.append(document.id)
          texts.append(chunk.embeddedText)
        }
      }
      let questions = try lines(folder + "/questions.jsonl").filter { !($0.relevant_doc_ids ?? []).isEmpty }
      var vectors: [NumericClass: (documents: [Float], questions: [Float])] = [:]
      for numericClass in classes {
        let encoder = try Encoder(
          directory: Checkout.model, modelID: "bench",
          precision: EncoderPrecision(rawValue: numericClass.rawValue) ?? .auto)
        vectors[numericClass] = (
          await encoder.encode(texts), await encoder.encode(questions.map { $0.question ?? "" })
        )
      }
      print("\(set): \(questions.count) questions, \(texts.count) chunks")
      let exact = (vectors[.fp32]?.questions ?? []) + (vectors[.fp32]?.documents ?? [])
      for numericClass in classes where numericClass != .fp32 {
        let own = (vectors[numericClass]?.questions ?? []) + (vectors[numericClass]?.documents ?? [])
        print(
          "\(numericClass.rawValue) beside fp32: \(cosines(own, exact, exact.count / (texts.count + questions.count)))"
        )
      }
      print("| questions in | documents in | nDCG@10 | beside fp32 |\n|---|---|---|---|")
      var base: Double?
      for asked in classes {
        for stored in classes {
          guard let query = vectors[asked]?.questions, let rows = vectors[stored]?.documents else { continue }
          let gain = gain(questions, query, rows, owners)
          base = base ?? gain
          print(
            "| \(asked.rawValue) | \(stored.rawValue) | \(String(format: "%.4f", gain)) "
              + "| \(String(format: "%+.4f", gain - (base ?? gain))) |")
        }
      }
    }
  }

  private static func lines(_ path: String) throws -> [Line] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
  }

  private static func cosines(_ own: [Float], _ exact: [Float], _ width: Int) -> String {
    let all = stride(from: 0, to: exact.count, by: width).map { start -> Float in
      var sum: Float = 0
      for place in start..<start + width { sum += own[place] * exact[place] }
      return sum
    }
    let mean = all.reduce(0, +) / Float(max(1, all.count))
    return "\(all.count) cosines, at least \(all.min() ?? 0), mean \(mean)"
  }

  /// The mean nDCG@10.
  private static func gain(_ questions: [Line], _ query: [Float], _ rows: [Float], _ owners: [String])
    -> Double
  {
    let width = rows.count / owners.count
    let stored = Matrix(FloatBuffer(rows), rowCount: owners.count, columnCount: width)
    var rankings: [(ranking: [String], relevant: Set<String>)] = []
    let block = 64
    for first in stride(from: 0, to: questions.count, by: block) {
      let count = min(block, questions.count - first)
      let asked = FloatBuffer(Array(query[first * width..<(first + count) * width]))
      let scores = FloatBuffer(count: count * owners.count)
      BLAS.multiply(
        Matrix(asked, rowCount: count, columnCount: width), transposed: stored,
        into: Matrix(scores, rowCount: count, columnCount: owners.count))
      for offset in 0..<count {
        rankings.append(
          (
            ranking: best(scores.read(at: offset * owners.count, count: owners.count), owners),
            relevant: Set(questions[first + offset].relevant_doc_ids ?? [])
          ))
      }
    }
    return RetrievalScores(rankings).gain
  }

  /// The ten documents with the best chunks, best first.
  private static func best(_ scores: [Float], _ owners: [String]) -> [String] {
    var found: [String] = []
    var left = scores
    while found.count < 10, let row = left.indices.max(by: { left[$0] < left[$1] }), left[row] > -2 {
      if !found.contains(owners[row]) { found.append(owners[row]) }
      left[row] = -3
    }
    return found
  }
}
