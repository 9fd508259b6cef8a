import Encoder
import Foundation
import Testing
import Tokenizer
import VectorMath

// Goal: token ids and vectors are those of the reference implementation. Method: every text of encoder-reference.

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
  @Test("token ids are identical to the reference", .enabled(if: SharedData.isPresent, "../shared is absent"))
  func tokens() throws {
    let tokenizer = try WordPieceTokenizer(path: SharedData.model + "/vocab.txt")
    let references = try Reference.all()
    #expect(references.count == 183)
    for reference in references {
      #expect(
        tokenizer.encode(reference.text) == reference.token_ids,
        "\(reference.text.prefix(60).debugDescription)")
    }
  }

  @Test(
    "cosine with the reference is at least 0.9999, alone and packed with others",
    .enabled(if: SharedData.isPresent, "../shared is absent"))
  func vectors() async throws {
    BLAS.useOneThread()
    let encoder = try Encoder(directory: SharedData.model, modelID: "m")
    let references = try Reference.all()
    let packed = await encoder.encode(references.map(\.text))
    var worst: Float = 1
    for (index, reference) in references.enumerated() {
      let row = packed[index * encoder.dimension..<(index + 1) * encoder.dimension]
      worst = min(worst, zip(row, reference.embedding).reduce(0) { $0 + $1.0 * $1.1 })
    }
    for reference in references.prefix(20) {
      let alone = await encoder.encode([reference.text])
      worst = min(worst, zip(alone, reference.embedding).reduce(0) { $0 + $1.0 * $1.1 })
    }
    print(
      "encoder: worst cosine \(worst) over \(references.count) texts, kernel \(BLAS.coreName), \(Kernels.instructionSet)"
    )
    #expect(worst >= 0.9999)
  }

  @Test("a missing model is named")
  func missingModel() {
    #expect { try Encoder(directory: "/nonexistent", modelID: "m") } throws: {
      "\($0)".contains("config.json")
    }
  }

  @Test("texts of no and of too many tokens are encoded")
  func extremes() async throws {
    let encoder = try Encoder(directory: SharedData.model, modelID: "m")
    let long = String(repeating: "word ", count: 5000)
    let vectors = await encoder.encode(["", long, "[SEP] [MASK]", "\u{0}\u{FFFD}"])
    #expect(vectors.count == 4 * 384)
    #expect(vectors.allSatisfy { $0.isFinite })
    #expect(encoder.tokenizer.encode(long).count == 256)
  }
}

@Suite struct VectorMathTests {
  @Test("OpenBLAS agrees with scalar loops on odd shapes")
  func kernelCheck() { #expect(KernelCheck.firstMismatch() == nil) }

  @Test("bias and GELU are those of the scalar twin")
  func gelu() {
    let inputs: [Float] = (-400...400).map { Float($0) / 50 } + [-1e4, 1e4, 0]
    let values = FloatBuffer(inputs)
    Kernels.biasGELU(
      FloatBuffer([Float](repeating: 0, count: inputs.count)), values, rows: 1, columns: inputs.count)
    for (index, input) in inputs.enumerated() {
      // 1.5e-7 of the approximation of erf, times |x|, and float rounding.
      #expect(abs(values[index] - Kernels.geluReference(input)) <= 4e-7 * max(1, abs(input)))
    }
  }

  @Test("softmax rows sum to one and keep their order")
  func softmax() {
    let values = FloatBuffer([1, 2, 3, 1000, -1000, 0].map { Float($0) })
    Kernels.softmax(values, scale: 0.5, rows: 2, columns: 3)
    for row in 0..<2 {
      let sum = (0..<3).reduce(Float(0)) { $0 + values[row * 3 + $1] }
      #expect(abs(sum - 1) < 1e-5)
    }
    #expect(values[2] > values[1] && values[1] > values[0] && values[3] > 0.999)
  }

  @Test("layer norm is that of double arithmetic")
  func layerNorm() {
    let x: [Float] = (0..<37).map { Float(($0 * 7919) % 101) / 10 }
    let values = FloatBuffer(x)
    let ones = FloatBuffer([Float](repeating: 1, count: 37))
    let zeros = FloatBuffer(count: 37)
    Kernels.residualLayerNorm(
      values, bias: nil, residual: zeros, gamma: ones, beta: zeros, epsilon: 1e-12, rows: 1, columns: 37)
    let mean = x.reduce(0.0) { $0 + Double($1) } / 37
    let variance = x.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 37
    for index in 0..<37 {
      #expect(abs(Double(values[index]) - (Double(x[index]) - mean) / variance.squareRoot()) < 1e-5)
    }
  }
}
