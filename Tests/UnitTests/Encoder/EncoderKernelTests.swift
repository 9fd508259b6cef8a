import Encoder
import Foundation
import TestSupport
import Testing

// Goal: every kernel of every instruction set gives the result of plain loops in double precision, within a stated
// tolerance. Method: random values; row counts that do not fill a tile and lengths that do not fill a panel; rows of
// zeros, of denormals, and with one huge value.

@Suite struct EncoderKernelTests {
  private static let sets = InstructionSet.allCases.filter(\.isPresent)

  /// Rows of several kinds: ordinary, zeros, denormals, one huge value among small ones.
  private static func rows(_ count: Int, _ width: Int, _ random: inout SplitMix) -> [Float] {
    (0..<count).flatMap { row -> [Float] in
      let kind = random.next() % 6
      return (0..<width).map { column in
        let value = Float.random(in: -2...2, using: &random)
        return switch kind {
        case 0: 0
        case 1: value * Float(bitPattern: 7000)
        case 2: column == row % width ? 3e4 : value
        default: value
        }
      }
    }
  }

  private static func bf16(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
  }

  /// A row as the int8 class holds it: its integers, and the scale to multiply them by.
  private static func quantised(_ row: ArraySlice<Float>, by divide: Bool) -> (
    values: [Double], scale: Double
  ) {
    let greatest = row.map(abs).max() ?? 0
    guard greatest > 0 else { return ([Double](repeating: 0, count: row.count), 0) }
    // Weights are divided by their scale, rows multiplied by its inverse, as the kernels do.
    let scale = greatest / 127
    let values = row.map { divide ? ($0 / scale) : ($0 * (127 / greatest)) }
    return (values.map { Double($0.rounded(.toNearestOrEven)) }, Double(scale))
  }

  private static func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }

  @Test("a linear layer equals plain loops", arguments: sets, NumericClass.allCases)
  func linear(_ set: InstructionSet, _ numericClass: NumericClass) {
    guard numericClass.isSupported(on: set) else { return }
    var random = SplitMix(state: 19)
    for count in [1, 6, 13, 15, 29] {
      let (outputs, inputs) = (
        32 * Int.random(in: 1...2, using: &random), 32 * Int.random(in: 1...3, using: &random)
      )
      let weights = Self.rows(outputs, inputs, &random)
      let rows = Self.rows(count, inputs, &random)
      let bias = (0..<outputs).map { _ in Float.random(in: -1...1, using: &random) }
      for isGELU in [false, true] {
        let got = EncoderKernels.linear(
          set, numericClass, weights: weights, bias: bias, inputs: inputs, rows: rows, isGELU: isGELU)
        var worst = 0.0
        for row in 0..<count {
          let left = rows[row * inputs..<(row + 1) * inputs]
          for output in 0..<outputs {
            let right = weights[output * inputs..<(output + 1) * inputs]
            let (sum, size) = Self.product(left, right, numericClass)
            let exact = sum + Double(bias[output])
            let wanted = isGELU ? Self.gelu(exact) : exact
            // The error of a sum in fp32 is up to 2e-6 of the sum of its terms' sizes. vdpbf16ps does not round each
            // product to the nearest, so its error is up to 1e-5. The faster classes compute GELU with a polynomial,
            // whose error is 7e-5, and for large values 2e-5 of the value.
            let tolerance =
              (numericClass == .bf16 ? 1e-5 : 2e-6) * size + 2e-6
              + (isGELU && numericClass != .fp32 ? 1e-4 + 2e-5 * abs(exact) : 0)
            worst = max(worst, abs(Double(got[row * outputs + output]) - wanted) / tolerance)
          }
        }
        #expect(worst <= 1, "\(count)x\(outputs)x\(inputs) \(isGELU)")
      }
    }
  }

  /// The dot product of two rows as the class computes it, and the size to which the tolerance is relative: the sum of
  /// the terms' sizes, or for int8, whose integer sum is exact, the size of the result.
  private static func product(
    _ left: ArraySlice<Float>, _ right: ArraySlice<Float>, _ numericClass: NumericClass
  )
    -> (sum: Double, size: Double)
  {
    switch numericClass {
    case .fp32, .bf16:
      let parts = zip(left, right).map { pair -> Double in
        numericClass == .fp32
          ? Double(pair.0) * Double(pair.1) : Double(Self.bf16(pair.0)) * Double(Self.bf16(pair.1))
      }
      return (parts.reduce(0, +), parts.map(abs).reduce(0, +))
    case .int8:
      let (a, b) = (Self.quantised(left, by: false), Self.quantised(right, by: true))
      var sum = 0.0
      for (x, y) in zip(a.values, b.values) { sum += x * y }
      sum *= a.scale * b.scale
      return (sum, abs(sum))
    }
  }

  @Test("attention equals plain loops", arguments: sets, [false, true])
  func attention(_ set: InstructionSet, _ isBF16: Bool) {
    var random = SplitMix(state: 20)
    for (length, headWidth) in [
      (1, 32), (2, 64), (15, 32), (31, 32), (33, 64), (64, 32), (127, 32),
    ] {
      let width = 2 * headWidth
      var projected = (0..<length * 3 * width).map { _ in Float.random(in: -3...3, using: &random) }
      if isBF16 { projected = projected.map(Self.bf16) }
      let got = EncoderKernels.attention(
        set, isBF16: isBF16, projected: projected, length: length, width: width, headWidth: headWidth)
      func part(_ token: Int, _ which: Int, _ head: Int) -> [Double] {
        let start = token * 3 * width + which * width + head * headWidth
        return projected[start..<start + headWidth].map(Double.init)
      }
      var worst = 0.0
      for head in 0..<2 {
        for token in 0..<length {
          let query = part(token, 0, head)
          let scores = (0..<length).map { other -> Double in
            var sum = 0.0
            for (x, y) in zip(query, part(other, 1, head)) { sum += x * y }
            return sum / Double(headWidth).squareRoot()
          }
          let values = (0..<length).map { part($0, 2, head) }
          let top = scores.max() ?? 0
          let shares = scores.map { exp($0 - top) }
          let whole = shares.reduce(0, +)
          for column in 0..<headWidth {
            var wanted = 0.0
            for (share, value) in zip(shares, values) { wanted += share * value[column] / whole }
            worst = max(worst, abs(Double(got[token * width + head * headWidth + column]) - wanted))
          }
        }
      }
      // bf16 rounds shares and results to 8 bits: a value of 3 errs by at most 3/256, twice.
      #expect(worst <= (isBF16 ? 0.024 : 2e-5), "\(set) \(length) \(headWidth)")
    }
  }

  @Test("layer norm equals plain loops", arguments: sets)
  func norm(_ set: InstructionSet) {
    var random = SplitMix(state: 21)
    for width in [32, 96, 384] {
      let values = Self.rows(7, width, &random)
      let gamma = (0..<width).map { _ in Float.random(in: 0.5...2, using: &random) }
      let beta = (0..<width).map { _ in Float.random(in: -1...1, using: &random) }
      let got = EncoderKernels.norm(set, values, gamma: gamma, beta: beta, epsilon: 1e-12)
      for row in 0..<7 {
        let x = values[row * width..<(row + 1) * width].map(Double.init)
        let mean = x.reduce(0, +) / Double(width)
        let variance = x.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(width)
        for column in 0..<width {
          let normal = (x[column] - mean) / (variance + 1e-12).squareRoot()
          let wanted = normal * Double(gamma[column]) + Double(beta[column])
          #expect(
            abs(Double(got[row * width + column]) - wanted) <= 1e-4 * max(1, abs(wanted)), "\(set) \(width)")
        }
      }
    }
  }
}
