import Foundation
import Testing
import VectorMath

@Suite struct VectorMathTests {
  @Test("OpenBLAS agrees with scalar loops on odd shapes")
  func kernelCheck() { #expect(KernelCheck.firstMismatch() == nil) }

  @Test("bias and GELU equal the scalar reference")
  func gelu() {
    let inputs: [Float] = (-400...400).map { Float($0) / 50 } + [-1e4, 1e4, 0]
    let values = FloatBuffer(inputs)
    Kernels.biasGELU(
      FloatBuffer([Float](repeating: 0, count: inputs.count)), values, rows: 1, columns: inputs.count)
    for (index, input) in inputs.enumerated() {
      // The approximation of erf has an error of 1.5e-7, times |x|; the rest is float rounding.
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

  @Test("layer norm equals double arithmetic")
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
