import Failures
import Client
import CommandLine
import Foundation
import KafkaClient
import LocalState
import Settings

/// The one binary: every pool, the broker, the supervisor and the command line.
@main
enum Entry {
  /// Must equal the chart's `appVersion`, which a test checks.
  private static let version = "0.1.0"

  static func main() async {
    Crashes.endAtOnce()
    // Files that this process and its children create are readable for this user only, whatever the umask of
    // the shell is.
    umask(0o077)
    let code: ExitCode
    let arguments = Array(Swift.CommandLine.arguments.dropFirst())
    do {
      switch try arguments == ["--version"] ? .help("millrace \(version)") : Commands.root.parse(arguments)
      {
      case .help(let text):
        Terminal.print(text)
        code = .success
      case .run(let action, let arguments): code = try await action(arguments)
      }
    } catch {
      Terminal.complain("millrace: \(error)")
      code = exitCode(for: error)
    }
    // Not exit(): a Kafka handle that could not leave its group in time still has threads, and OpenSSL's exit
    // handler would free the memory that they use.
    fflush(nil)
    _exit(code.rawValue)
  }

  private static func exitCode(for error: any Error) -> ExitCode {
    switch error {
    case is UsageError, is SettingsError, is UntrustedPath, is RecordTooLarge: .usage
    case let failure as KafkaFailure where failure.kind == .retriable: .unavailable
    case is Unavailable, is NothingRuns: .unavailable
    default: .failure
    }
  }
}
