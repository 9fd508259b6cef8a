import Failures

/// An unusable file of a model, or a vector of the wrong dimension.
package enum VectorError: Failure {
  case cannotMap(path: String, reason: String)
  case badModel(String)
  case dimensionMismatch(got: Int, expected: Int)

  package var kind: FailureKind { .fatal }
  package var description: String {
    switch self {
    case .cannotMap(let path, let reason): "\(path): cannot be mapped: \(reason)"
    case .badModel(let reason): "the model's files: \(reason)"
    case .dimensionMismatch(let got, let expected): "dimension \(got) where \(expected) is expected"
    }
  }
}
