import Foundation
import VectorMath

/// The forward pass of BERT over packed sequences, and its scratch memory. Confined to its encoder.
struct BertTransformer {
  private let weights: BertWeights
  private let tokensMax: Int
  private let hidden: FloatBuffer  // tokens × dimension
  private let mixed: FloatBuffer  // tokens × dimension
  private let projected: FloatBuffer  // tokens × 3 dimension: query, key, value side by side
  private let context: FloatBuffer  // tokens × dimension
  private let inner: FloatBuffer  // tokens × intermediate
  private let scores: FloatBuffer  // length × length of one head

  init(weights: BertWeights, tokensMax: Int) {
    self.weights = weights
    self.tokensMax = tokensMax
    hidden = FloatBuffer(count: tokensMax * weights.dimension)
    mixed = FloatBuffer(count: tokensMax * weights.dimension)
    projected = FloatBuffer(count: tokensMax * weights.dimension * 3)
    context = FloatBuffer(count: tokensMax * weights.dimension)
    inner = FloatBuffer(count: tokensMax * weights.intermediateDimension)
    scores = FloatBuffer(count: Encoder.tokensMax * Encoder.tokensMax)
  }

  /// - Returns: one unit-length row per sequence.
  func encode(_ sequences: [[Int32]]) -> [Float] {
    var starts: [Int] = []
    var total = 0
    for sequence in sequences {
      starts.append(total)
      total += sequence.count
    }
    precondition(total <= tokensMax)
    embed(sequences, total: total)
    for layer in weights.layers {
      attend(layer, sequences: sequences, starts: starts, total: total)
      feedForward(layer, total: total)
    }
    return pool(sequences, starts: starts)
  }

  private func embed(_ sequences: [[Int32]], total: Int) {
    let d = weights.dimension
    let type = weights.types.read(at: 0, count: d)
    let typeBias = FloatBuffer(type)
    var row = 0
    for sequence in sequences {
      for (position, id) in sequence.enumerated() {
        let word = min(max(0, Int(id)), weights.vocabularyCount - 1)
        hidden.copy(from: weights.words, at: word * d, to: row * d, count: d)
        mixed.copy(from: weights.positions, at: position * d, to: row * d, count: d)
        row += 1
      }
    }
    Kernels.residualLayerNorm(
      hidden, bias: typeBias, residual: mixed, gamma: weights.embeddingNorm.gamma,
      beta: weights.embeddingNorm.beta, epsilon: weights.epsilon, rows: total, columns: d)
  }

  private func attend(_ layer: BertWeights.Layer, sequences: [[Int32]], starts: [Int], total: Int) {
    let d = weights.dimension
    for (index, linear) in [layer.query, layer.key, layer.value].enumerated() {
      // Each projection goes through `mixed`, gets its bias there, and is laid beside the others.
      BLAS.multiplyTransposed(
        hidden, at: 0, stride: d, linear.weight, at: 0, stride: d, into: projected, at: index * total * d,
        stride: d,
        rowCount: total, columnCount: d, depth: d)
      Kernels.addBias(linear.bias, to: projected, at: index * total * d, rows: total, columns: d)
    }
    let headDimension = d / weights.headCount
    let scale = 1 / Float(headDimension).squareRoot()
    for (sequence, start) in zip(sequences, starts) {
      let length = sequence.count
      for head in 0..<weights.headCount {
        let offset = start * d + head * headDimension
        BLAS.multiplyTransposed(
          projected, at: offset, stride: d, projected, at: total * d + offset, stride: d, into: scores, at: 0,
          stride: length, rowCount: length, columnCount: length, depth: headDimension)
        Kernels.softmax(scores, scale: scale, rows: length, columns: length)
        BLAS.multiply(
          scores, at: 0, stride: length, projected, at: 2 * total * d + offset, stride: d, into: context,
          at: offset, stride: d, rowCount: length, columnCount: headDimension, depth: length)
      }
    }
    BLAS.multiplyTransposed(
      context, at: 0, stride: d, layer.attentionOutput.weight, at: 0, stride: d, into: mixed, at: 0,
      stride: d,
      rowCount: total, columnCount: d, depth: d)
    Kernels.residualLayerNorm(
      mixed, bias: layer.attentionOutput.bias, residual: hidden, gamma: layer.attentionNorm.gamma,
      beta: layer.attentionNorm.beta, epsilon: weights.epsilon, rows: total, columns: d)
  }

  private func feedForward(_ layer: BertWeights.Layer, total: Int) {
    let d = weights.dimension
    let wide = weights.intermediateDimension
    BLAS.multiplyTransposed(
      mixed, at: 0, stride: d, layer.intermediate.weight, at: 0, stride: d, into: inner, at: 0, stride: wide,
      rowCount: total, columnCount: wide, depth: d)
    Kernels.biasGELU(layer.intermediate.bias, inner, rows: total, columns: wide)
    BLAS.multiplyTransposed(
      inner, at: 0, stride: wide, layer.output.weight, at: 0, stride: wide, into: hidden, at: 0, stride: d,
      rowCount: total, columnCount: d, depth: wide)
    Kernels.residualLayerNorm(
      hidden, bias: layer.output.bias, residual: mixed, gamma: layer.outputNorm.gamma,
      beta: layer.outputNorm.beta,
      epsilon: weights.epsilon, rows: total, columns: d)
  }

  /// Mean over a sequence's tokens, then unit length.
  private func pool(_ sequences: [[Int32]], starts: [Int]) -> [Float] {
    let d = weights.dimension
    var rows: [Float] = []
    rows.reserveCapacity(sequences.count * d)
    for (sequence, start) in zip(sequences, starts) {
      let values = hidden.read(at: start * d, count: sequence.count * d)
      var mean = [Float](repeating: 0, count: d)
      for token in 0..<sequence.count {
        for column in 0..<d { mean[column] += values[token * d + column] }
      }
      var squares: Float = 0
      for column in 0..<d {
        mean[column] /= Float(sequence.count)
        squares += mean[column] * mean[column]
      }
      let inverse = 1 / max(squares.squareRoot(), 1e-12)
      for column in 0..<d { rows.append(mean[column] * inverse) }
    }
    return rows
  }
}
