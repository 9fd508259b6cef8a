/// What read a document: the reader of its format and that reader's number. `pdf/2`.
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

  /// The reader of this release. Its number rises with every change of what a reader, the cutting into sentences or the
  /// cutting into chunks makes of the same bytes; `ReaderVersionTests` notices such changes.
  package static func current(_ format: DocumentFormat) -> ReaderVersion {
    ReaderVersion(format: format, number: numbers[format] ?? 1)
  }

  /// Those that were raised since readers have numbers. 0 is never used: it is older than every release's.
  private static let numbers: [DocumentFormat: UInt32] = [:]

  /// Whether a newer release's reader has replaced this one.
  package var isOlder: Bool { number < Self.current(format).number }

  package var description: String { "\(format.rawValue)/\(number)" }
}
