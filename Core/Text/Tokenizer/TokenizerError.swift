import Failures

/// Why a vocabulary can't be used.
package enum TokenizerError: Failure {
  case missingToken(String)
  case tooLarge(byteCount: Int)
  package var kind: FailureKind { .fatal }
  package var description: String {
    switch self {
    case .missingToken(let token): "the vocabulary has no \(token)"
    case .tooLarge(let count):
      "the vocabulary has \(count) bytes, and must have fewer than \(WordPieceTokenizer.vocabularyBytesMax)"
    }
  }
}
