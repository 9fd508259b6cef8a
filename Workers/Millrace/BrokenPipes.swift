import Foundation

/// A peer that closed its end costs a write, not the process: hiredis and OpenSSL write without MSG_NOSIGNAL.
enum BrokenPipes {
  static func ignore() { signal(SIGPIPE, SIG_IGN) }
}
