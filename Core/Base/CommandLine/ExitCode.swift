/// The exit code of the process; the README in `Workers/Millrace` has the table.
package struct ExitCode: Sendable, Equatable, RawRepresentable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }
  package static let success = ExitCode(rawValue: 0)
  package static let failure = ExitCode(rawValue: 1)
  /// The command line or a setting is wrong.
  package static let usage = ExitCode(rawValue: 2)
  /// A query was refused: nothing in the documents answers it.
  package static let refused = ExitCode(rawValue: 3)
  /// A query or a document has the terminal state `failed`, `expired` or `cancelled`.
  package static let rejected = ExitCode(rawValue: 4)
  /// No answer or terminal state arrived in time; the pipeline goes on with the work.
  package static let timedOut = ExitCode(rawValue: 5)
  /// The broker or another service can't be reached.
  package static let unavailable = ExitCode(rawValue: 6)
}
