import Foundation

/// Ignores SIGPIPE, so that a write to a closed connection fails and does not end the process: hiredis and
/// OpenSSL write without MSG_NOSIGNAL.
enum BrokenPipes {
  static func ignore() { signal(SIGPIPE, SIG_IGN) }
}
