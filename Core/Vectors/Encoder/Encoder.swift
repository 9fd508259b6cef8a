import BlockingExecutor
import Foundation
import Tokenizer
import VectorMath

/// Turns texts into unit vectors with a BERT encoder (all-MiniLM-L6-v2), in this process, on a thread of its own.
///
/// Sequences are packed one after another without padding. A pack holds at most `packTokensMax` tokens, so
/// that memory is bounded for batches of any size. Encoders of one process share the weights and nothing else, so that
/// none waits for another.
package actor Encoder {
  /// The model's limit, `[CLS]` and `[SEP]` included.
  package static let tokensMax = 256
  package static let packTokensMax = 1024

  private let executor = BlockingExecutor(name: "encoder")
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  package nonisolated let tokenizer: WordPieceTokenizer
  /// The model's name, which is stored with every vector.
  package nonisolated let modelID: String
  package nonisolated let dimension: Int
  /// The numeric class that `precision` selected.
  package nonisolated let numericClass: NumericClass
  private let model: PackedModel
  private let scratch: EncoderScratch

  /// - Parameters:
  ///   - directory: holds `config.json`, `vocab.txt` and `model.safetensors`.
  ///   - threads: the number of threads that encode together, including this encoder's own.
  ///   - set: the instruction set, for tests and benchmarks.
  /// - Throws: `VectorError` or `TokenizerError` naming the file, tensor or token that is missing or does not
  ///   fit, or the class that this processor lacks; Foundation's error for a file that can't be read.
  package init(
    directory: String, modelID: String, precision: EncoderPrecision = .auto, threads: Int = 1,
    on set: InstructionSet = .best
  ) throws {
    for name in ["config.json", "vocab.txt", "model.safetensors"] {
      guard FileManager.default.fileExists(atPath: directory + "/" + name) else {
        throw VectorError.badModel(
          "\(directory)/\(name) is missing; set encoder.modelPath or run `make setup`")
      }
    }
    tokenizer = try WordPieceTokenizer(path: directory + "/vocab.txt")
    let model = try PackedModel.shared(directory: directory, precision: precision, on: set)
    self.model = model
    self.modelID = modelID
    dimension = model.dimension
    numericClass = model.numericClass
    scratch = try EncoderScratch(
      model, tokensMax: Self.packTokensMax, lengthMax: Self.tokensMax, threads: threads)
    weightBytes = model.byteCount
    scratchBytes = scratch.byteCount
  }

  /// Whether both encoders use the same packed weights in memory.
  package nonisolated func sharesWeights(with other: Encoder) -> Bool { model === other.model }

  /// The bytes of the packed weights, which encoders share; `scratchBytes` are this encoder's own.
  package nonisolated let weightBytes: Int
  package nonisolated let scratchBytes: Int

  /// - Returns: row-major, `texts.count × dimension`, unit length.
  ///   Compatibility forms (ligatures, full width) are embedded as the plain characters.
  package func encode(_ texts: [String]) -> [Float] { encode(tokens: texts.map(tokens)) }

  /// Does the same as `encode(_:)`, but checks for cancellation between two packs, because a batch may take
  /// minutes.
  ///
  /// - Throws: `CancellationError`.
  package func encodeUnlessCancelled(_ texts: [String]) throws -> [Float] {
    try encode(texts.map(tokens)) { try Task.checkCancellation() }
  }

  /// Splits the token ids of a text into windows of nearly equal length that fit the model.
  ///
  /// - Parameter countMax: the most windows.
  /// - Returns: one window or more, and whether the text has more tokens than they hold.
  package nonisolated func windows(of text: String, countMax: Int) -> (sequences: [[Int32]], isCut: Bool) {
    let room = Self.tokensMax - 2
    let all = tokenizer.encode(CompatibilityForms.folded(text), tokensMax: countMax * room + 3)
    let (start, end) = (all[0], all[all.count - 1])
    let content = all.dropFirst().dropLast()
    guard content.count > room else { return ([all], false) }
    let kept = content.prefix(countMax * room)
    let count = (kept.count + room - 1) / room
    let sequences = (0..<count).map { number -> [Int32] in
      let range = number * kept.count / count..<(number + 1) * kept.count / count
      return [start] + kept[(kept.startIndex + range.lowerBound)..<(kept.startIndex + range.upperBound)] + [
        end
      ]
    }
    return (sequences, kept.count < content.count)
  }

  private func tokens(_ text: String) -> [Int32] { tokenizer.encode(CompatibilityForms.folded(text)) }

  /// Encodes sequences of token ids.
  ///
  /// - Precondition: each sequence has `[CLS]` and `[SEP]`, and at most `tokensMax` ids.
  package func encode(tokens sequences: [[Int32]]) -> [Float] { encode(sequences) {} }

  private func encode(_ sequences: [[Int32]], beforeEachPack check: () throws -> Void) rethrows -> [Float] {
    var result = [Float](repeating: 0, count: sequences.count * dimension)
    // Longest first, so that a pack holds sequences of similar length and its matrix products are alike.
    let order = sequences.indices.sorted { sequences[$0].count > sequences[$1].count }
    var pack: [Int] = []
    var tokenCount = 0
    func flush() throws {
      try check()
      let rows = scratch.encode(
        pack.flatMap { sequences[$0] }, lengths: pack.map { sequences[$0].count })
      for (row, index) in pack.enumerated() {
        for column in 0..<dimension { result[index * dimension + column] = rows[row * dimension + column] }
      }
      pack.removeAll(keepingCapacity: true)
      tokenCount = 0
    }
    for index in order {
      let count = sequences[index].count
      precondition((1...Self.tokensMax).contains(count), "a sequence of \(count) tokens")
      if tokenCount + count > Self.packTokensMax { try flush() }
      pack.append(index)
      tokenCount += count
    }
    if !pack.isEmpty { try flush() }
    return result
  }
}
