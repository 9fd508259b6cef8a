import Failures
import Records

/// Why a document can't be parsed. Every code except `machineFault` rejects the document for good.
package struct ParsingError: Failure, Equatable, Codable {
  /// The code in status events and dead letters: `bad_encoding`, `bad_pdf`, `unsupported_media_type`, …
  package var code: ErrorCode
  /// The rule that the content breaks. Messages put it after the field's name: "must be …".
  package var rule: String
  package init(_ code: ErrorCode, rule: String) {
    self.code = code
    self.rule = rule
  }

  /// The error for a binary format that can't be read.
  package static func unsupported(_ name: String) -> ParsingError {
    ParsingError(.unsupportedMediaType, rule: "is \(name): must be \(MediaType.known)")
  }

  package var kind: FailureKind { code == .machineFault ? .retriable : .rejected }
  package var description: String { "\(code): \(rule)" }
}
