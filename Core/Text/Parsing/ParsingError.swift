/// Why a document can't be read: its own fault, every time, but for `machineFault`.
package struct ParsingError: Error, Sendable, Equatable, Codable, CustomStringConvertible {
  /// No process or file could be made just now: says nothing about the document.
  package static let machineFault = "machine_fault"

  /// As in status events and dead letters: `bad_encoding`, `bad_pdf`, `unsupported_media_type`, …
  package var code: String
  /// What the content must be, to be read after the field's name: "must be …".
  package var rule: String
  package init(_ code: String, rule: String) {
    self.code = code
    self.rule = rule
  }
  package var description: String { "\(code): \(rule)" }
}
