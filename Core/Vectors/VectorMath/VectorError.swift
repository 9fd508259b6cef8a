import Foundation

/// What can go wrong below the index and the encoder.
package enum VectorError: Error, Sendable, CustomStringConvertible {
  case cannotMap(path: String, reason: String)
  case badModel(String)
  case dimensionMismatch(got: Int, expected: Int)

  package var description: String {
    switch self {
    case .cannotMap(let path, let reason): "\(path): cannot be mapped: \(reason)"
    case .badModel(let reason): "the model's files: \(reason)"
    case .dimensionMismatch(let got, let expected): "dimension \(got) where \(expected) is expected"
    }
  }
}
