/// The reader that read a document: its format and the reader's number, for example `pdf/2`.
package struct ReaderVersion: Sendable, Hashable, CustomStringConvertible {
  package var format: DocumentFormat
  package var number: UInt32

  package init(format: DocumentFormat, number: UInt32) {
    self.format = format
    self.number = number
  }

  /// Reads `format/number`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let format = DocumentFormat(rawValue: String(parts[0])),
      let number = UInt32(parts[1])
    else { return nil }
    self.init(format: format, number: number)
  }

  /// This release's reader of a format. Its number must be raised with every change to reading, sentence splitting or
  /// chunking that gives another result for the same bytes; `ReaderVersionTests` detects such changes.
  package static func current(_ format: DocumentFormat) -> ReaderVersion {
    ReaderVersion(format: format, number: numbers[format] ?? 1)
  }

  /// The numbers that were raised above 1. 0 is never used, so it is older than the reader of any release.
  private static let numbers: [DocumentFormat: UInt32] = [.docx: 2]

  /// Whether a newer release's reader has replaced this one.
  package var isOlder: Bool { number < Self.current(format).number }

  package var description: String { "\(format.rawValue)/\(number)" }
}
