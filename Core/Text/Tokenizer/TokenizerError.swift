import Foundation

/// Why a vocabulary can't be used.
package enum TokenizerError: Error, Sendable, CustomStringConvertible {
  case missingToken(String)
  package var description: String {
    switch self {
    case .missingToken(let token): "the vocabulary has no \(token)"
    }
  }
}
