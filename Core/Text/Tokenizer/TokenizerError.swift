import Failures

/// Why a vocabulary can't be used.
package enum TokenizerError: Failure {
  case missingToken(String)
  package var kind: FailureKind { .fatal }
  package var description: String {
    switch self {
    case .missingToken(let token): "the vocabulary has no \(token)"
    }
  }
}
