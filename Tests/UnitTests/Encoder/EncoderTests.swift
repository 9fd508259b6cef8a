import Encoder
import Foundation
import TestSupport
import Testing
import Tokenizer
import VectorMath

// Goal: token ids and vectors equal those of the reference implementation. Method: all texts of the test data's
// encoder-reference.

private struct Reference: Decodable {
  var text: String
  var token_ids: [Int32]
  var embedding: [Float]

  static func all() throws -> [Reference] {
    let path = (SharedData.root ?? "") + "/data/encoder-reference/all-MiniLM-L6-v2.jsonl"
    return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Reference.self, from: Data($0.utf8))
    }
  }
}

@Suite struct EncoderTests {
  @Test(
    "token ids are identical to the reference",
    .enabled(if: SharedData.isPresent, "no test data: MILLRACE_SHARED"))
  func tokens() throws {
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    let references = try Reference.all()
    #expect(references.count == 183)
    for reference in references {
      #expect(
        tokenizer.encode(reference.text) == reference.token_ids,
        "\(reference.text.prefix(60).debugDescription)")
    }
  }

  @Test(
    "cosine with the reference is at least 0.9999, for single and for packed texts",
    .enabled(if: SharedData.isPresent, "no test data: MILLRACE_SHARED"))
  func vectors() async throws {
    BLAS.useOneThread()
    let encoder = try Encoder(directory: Checkout.model, modelID: "m")
    let references = try Reference.all()
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    let packed = await encoder.encode(tokens: references.map { tokenizer.encode($0.text) })
    var worst: Float = 1
    for (index, reference) in references.enumerated() {
      let row = packed[index * encoder.dimension..<(index + 1) * encoder.dimension]
      worst = min(worst, zip(row, reference.embedding).reduce(0) { $0 + $1.0 * $1.1 })
    }
    for reference in references.prefix(20) {
      let alone = await encoder.encode(tokens: [tokenizer.encode(reference.text)])
      worst = min(worst, zip(alone, reference.embedding).reduce(0) { $0 + $1.0 * $1.1 })
    }
    print(
      "encoder: worst cosine \(worst) over \(references.count) texts, "
        + "kernel \(BLAS.coreName), \(Kernels.instructionSet)")
    #expect(worst >= 0.9999)
  }

  @Test("the error for a missing model names the missing file")
  func missingModel() {
    #expect { try Encoder(directory: "/nonexistent", modelID: "m") } throws: {
      "\($0)".contains("config.json")
    }
  }

  @Test("texts without tokens and with too many tokens are encoded")
  func extremes() async throws {
    let encoder = try Encoder(directory: Checkout.model, modelID: "m")
    let long = String(repeating: "word ", count: 5000)
    let vectors = await encoder.encode(["", long, "[SEP] [MASK]", "\u{0}\u{FFFD}"])
    #expect(vectors.count == 4 * 384)
    #expect(vectors.allSatisfy { $0.isFinite })
    #expect(encoder.tokenizer.encode(long).count == 256)
  }

  @Test(
    "ligatures, full width and letters in other alphabets are plain letters to the model; raised digits are not"
  )
  func compatibilityForms() async throws {
    for (form, plain) in [
      ("o\u{FB03}ce", "office"), ("\u{FF27}ate\u{FF17}", "Gate7"), ("\u{1D406}ate", "Gate"),
      ("5\u{338F}", "5kg"),
      ("\u{216B}", "XII"), ("35\u{B2} \u{BD} H\u{2082}O", "35\u{B2} \u{BD} H\u{2082}O"),
    ] {
      #expect(CompatibilityForms.folded(form) == plain, "\(form)")
    }
    let encoder = try Encoder(directory: Checkout.model, modelID: "m")
    #expect(await encoder.encode(["the o\u{FB03}ce"]) == encoder.encode(["the office"]))
  }
}
