import Foundation
import VectorMath

/// The forward pass of BERT over packed sequences, and its scratch memory. Used only by its encoder.
struct BertTransformer {
  private let weights: BertWeights
  private let tokensMax: Int
  private let hidden: FloatBuffer  // tokens × dimension
  private let mixed: FloatBuffer  // tokens × dimension
  private let projected: FloatBuffer  // query, key and value: three matrices of tokens × dimension
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
      // The three projections lie one after another, `total * d` floats each.
      BLAS.multiply(
        Matrix(hidden, rowCount: total, columnCount: d), transposed: square(linear),
        into: Matrix(projected, at: index * total * d, rowCount: total, columnCount: d))
      Kernels.addBias(linear.bias, to: projected, at: index * total * d, rows: total, columns: d)
    }
    let headDimension = d / weights.headCount
    let scale = 1 / Float(headDimension).squareRoot()
    for (sequence, start) in zip(sequences, starts) {
      let length = sequence.count
      for head in 0..<weights.headCount {
        let offset = start * d + head * headDimension
        func part(_ buffer: FloatBuffer, at first: Int) -> Matrix {
          Matrix(buffer, at: first + offset, rowCount: length, columnCount: headDimension, stride: d)
        }
        let square = Matrix(scores, rowCount: length, columnCount: length)
        BLAS.multiply(
          part(projected, at: 0), transposed: part(projected, at: total * d), into: square)
        Kernels.softmax(scores, scale: scale, rows: length, columns: length)
        BLAS.multiply(square, part(projected, at: 2 * total * d), into: part(context, at: 0))
      }
    }
    BLAS.multiply(
      Matrix(context, rowCount: total, columnCount: d), transposed: square(layer.attentionOutput),
      into: Matrix(mixed, rowCount: total, columnCount: d))
    Kernels.residualLayerNorm(
      mixed, bias: layer.attentionOutput.bias, residual: hidden, gamma: layer.attentionNorm.gamma,
      beta: layer.attentionNorm.beta, epsilon: weights.epsilon, rows: total, columns: d)
  }

  /// The weights of a layer from `dimension` to `dimension`.
  private func square(_ linear: BertWeights.Linear) -> Matrix {
    Matrix(linear.weight, rowCount: weights.dimension, columnCount: weights.dimension)
  }

  private func feedForward(_ layer: BertWeights.Layer, total: Int) {
    let d = weights.dimension
    let wide = weights.intermediateDimension
    let narrow = Matrix(hidden, rowCount: total, columnCount: d)
    let broad = Matrix(inner, rowCount: total, columnCount: wide)
    BLAS.multiply(
      Matrix(mixed, rowCount: total, columnCount: d),
      transposed: Matrix(layer.intermediate.weight, rowCount: wide, columnCount: d), into: broad)
    Kernels.biasGELU(layer.intermediate.bias, inner, rows: total, columns: wide)
    BLAS.multiply(
      broad, transposed: Matrix(layer.output.weight, rowCount: d, columnCount: wide), into: narrow)
    Kernels.residualLayerNorm(
      hidden, bias: layer.output.bias, residual: mixed, gamma: layer.outputNorm.gamma,
      beta: layer.outputNorm.beta,
      epsilon: weights.epsilon, rows: total, columns: d)
  }

  /// The mean over each sequence's tokens, scaled to unit length.
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
