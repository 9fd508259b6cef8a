import Encoder
import Foundation
import TestSupport
import Testing
import Tokenizer

// Goal: token IDs equal those of the reference implementation, and vectors are as close to its vectors as their numeric
// class must be. Method: all texts of `encoder-reference` in the test data.

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

  /// The lowest and the mean cosine that a class must reach with the reference, and with fp32.
  private static func bars(_ numericClass: NumericClass) -> (least: Float, mean: Float) {
    switch numericClass {
    case .fp32: (0.9999, 0.9999)
    case .bf16: (0.999, 0.999)
    case .int8: (0.985, 0.995)
    }
  }

  private static func encoder(
    _ numericClass: NumericClass, threads: Int = 1, on set: InstructionSet = .best
  ) throws -> Encoder {
    try Encoder(
      directory: Checkout.model, modelID: "m",
      precision: EncoderPrecision(rawValue: numericClass.rawValue) ?? .auto,
      threads: threads, on: set)
  }

  private static func cosines(_ left: [Float], _ right: [Float], width: Int) -> [Float] {
    stride(from: 0, to: left.count, by: width).map { start in
      zip(left[start..<start + width], right[start..<start + width]).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  @Test(
    "vectors of single and of packed texts have the cosines with the reference that their class must reach",
    .enabled(if: SharedData.isPresent, "no test data: MILLRACE_SHARED"),
    arguments: [InstructionSet.avx512, .avx2].filter(\.isPresent), NumericClass.allCases)
  func vectors(_ set: InstructionSet, _ numericClass: NumericClass) async throws {
    guard numericClass.isSupported(on: set) else { return }
    let encoder = try Self.encoder(numericClass, on: set)
    // All texts for the best instruction set, a quarter of them for another one.
    let references = try Reference.all().enumerated().filter { set == .best || $0.offset % 4 == 0 }.map(
      \.element)
    let sequences = references.map(\.token_ids)
    let packed = await encoder.encode(tokens: sequences)
    let wanted = references.flatMap(\.embedding)
    var all = Self.cosines(packed, wanted, width: encoder.dimension)
    for reference in references.prefix(20) {
      all += Self.cosines(
        await encoder.encode(tokens: [reference.token_ids]), reference.embedding, width: encoder.dimension)
    }
    let (least, mean) = (all.min() ?? 0, all.reduce(0, +) / Float(all.count))
    print("encoder: \(numericClass.rawValue) on \(set.rawValue): cosines at least \(least), mean \(mean)")
    let bars = Self.bars(numericClass)
    #expect(least >= bars.least && mean >= bars.mean)
  }

  @Test(
    "vectors of 500 further texts have the cosines with fp32 that their class must reach",
    .enabled(if: SharedData.isPresent, "no test data: MILLRACE_SHARED"))
  func furtherTexts() async throws {
    let path = (SharedData.root ?? "") + "/data/qa/squad2-dev/questions.jsonl"
    struct Question: Decodable { var question: String }
    let texts = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").prefix(500).map {
      try JSONDecoder().decode(Question.self, from: Data($0.utf8)).question
    }
    let exact = await (try Self.encoder(.fp32)).encode(texts)
    for numericClass in NumericClass.allCases
    where numericClass != .fp32 && numericClass.isSupported(on: .best) {
      let encoder = try Self.encoder(numericClass)
      let all = Self.cosines(await encoder.encode(texts), exact, width: encoder.dimension)
      let (least, mean) = (all.min() ?? 0, all.reduce(0, +) / Float(all.count))
      print("encoder: \(numericClass.rawValue), \(texts.count) questions: at least \(least), mean \(mean)")
      let bars = Self.bars(numericClass)
      #expect(texts.count == 500 && least >= bars.least && mean >= bars.mean)
    }
  }

  @Test("more threads give the same vectors, for one text, for some, and for many", arguments: [2, 3])
  func threads(_ count: Int) async throws {
    for numericClass in NumericClass.allCases where numericClass.isSupported(on: .best) {
      let (alone, team) = (try Self.encoder(numericClass), try Self.encoder(numericClass, threads: count))
      for sizes in [
        [1], [14], [70], [60, 9], Array(repeating: 8, count: 9), Array(1...13),
      ] {
        let sequences = sizes.map { size in (0..<size).map { Int32(1000 + ($0 * 7919 + size) % 20_000) } }
        let (one, many) = (await alone.encode(tokens: sequences), await team.encode(tokens: sequences))
        #expect(one == many, "\(numericClass) \(sizes)")
      }
    }
  }

  @Test("two encoders of a process work at the same time, and share their weights")
  func sideBySide() async throws {
    let (first, second) = (try Self.encoder(.fp32), try Self.encoder(.fp32))
    #expect(first.sharesWeights(with: second))
    let long = (0..<12).map { _ in (0..<256).map { Int32(1000 + $0) } }
    async let slow = Self.end(of: long, first)
    async let quick = Self.end(of: [[101, 2054, 102]], second)
    let (lateEnd, earlyEnd) = (await slow, await quick)
    #expect(earlyEnd < lateEnd, "the short text must not wait for the long ones")
  }

  /// Reads the clock on the encoder's thread: on the pool's, both would wait for other tests to end.
  private static func end(
    of sequences: [[Int32]], _ encoder: isolated Encoder
  ) async -> ContinuousClock.Instant {
    _ = encoder.encode(tokens: sequences)
    return .now
  }

  @Test("auto takes the fastest class that was measured for the model, on each instruction set")
  func automatic() throws {
    let shipped = EncoderPrecision.shippedModel
    let encoder = try Encoder(directory: Checkout.model, modelID: "m", precision: .auto, on: .best)
    #expect(try encoder.numericClass == EncoderPrecision.auto.numericClass(shipped, on: .best))
    for (set, known, unknown) in [
      (InstructionSet.avx512, NumericClass.int8, NumericClass.bf16), (.avx2, .int8, .fp32),
      (.portable, .fp32, .fp32),
    ] where set.isPresent {
      #expect(try EncoderPrecision.auto.numericClass(shipped, on: set) == known, "\(set)")
      #expect(try EncoderPrecision.auto.numericClass("0123456789abcdef", on: set) == unknown, "\(set)")
    }
  }

  @Test("a numeric class that the processor does not support is refused by name; auto takes another")
  func refused() throws {
    guard InstructionSet.avx2.isPresent else { return }
    #expect {
      try Encoder(directory: Checkout.model, modelID: "m", precision: .bf16, on: .avx2)
    } throws: {
      "\($0)".contains("encoder.precision: 'bf16' is not for this processor (avx2)")
    }
    let encoder = try Encoder(directory: Checkout.model, modelID: "m", precision: .auto, on: .avx2)
    #expect(encoder.numericClass.isSupported(on: .avx2))
  }

  @Test("the error for a missing model names the missing file")
  func missingModel() {
    #expect { try Encoder(directory: "/nonexistent", modelID: "m") } throws: {
      "\($0)".contains("config.json")
    }
  }

  @Test(
    "a configuration that does not fit the kernels or the weights is refused by name",
    arguments: [
      ("vocab_size", 0), ("vocab_size", 40_000), ("type_vocab_size", 0), ("num_hidden_layers", -1),
      ("num_hidden_layers", 7), ("num_hidden_layers", 1 << 50), ("hidden_size", 48), ("intermediate_size", 0),
      ("num_attention_heads", 384),
    ])
  func badConfiguration(_ name: String, _ value: Int) throws {
    let folder = NSTemporaryDirectory() + "model-\(name)-\(value)-\(UInt32.random(in: 0...UInt32.max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for file in ["vocab.txt", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/\(file)", withDestinationPath: "\(Checkout.model)/\(file)")
    }
    let data = try Data(contentsOf: URL(fileURLWithPath: Checkout.model + "/config.json"))
    var config = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    config[name] = value
    try JSONSerialization.data(withJSONObject: config).write(
      to: URL(fileURLWithPath: folder + "/config.json"))
    #expect { try Encoder(directory: folder, modelID: "m") } throws: {
      "\($0)".contains(name) || "\($0)".contains("tensor '")
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

  @Test("ligatures, full-width and mathematical letters become plain letters; raised digits stay")
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
