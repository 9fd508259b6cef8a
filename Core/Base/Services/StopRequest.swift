internal import CSignals
import Foundation
import Synchronization

/// That the process was asked to stop, by SIGTERM (and SIGINT, where asked for).
///
/// A handler of our own and a pipe: Dispatch's sources are installed some time after they are activated, and what
/// comes until then is lost; and while a thread waits with no signal blocked, as the main thread does, they hand each
/// signal round until the right thread has it.
package final class StopRequest: Sendable {
  /// One element for every request.
  package let stream: AsyncStream<Void>
  private let request: AsyncStream<Void>.Continuation
  private let isSet = Mutex(false)

  /// Whether a stop was ever requested.
  package var isRequested: Bool { isSet.withLock { $0 } }

  private init() {
    (stream, request) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(4))
  }

  /// Once per process: signals go to the one who asked first.
  ///
  /// - Parameter interrupt: false where a supervisor decides: a terminal's Ctrl-C reaches the whole
  ///   process group, and the children must wait for their ordered stop.
  package static func fromSignals(interrupt: Bool) -> StopRequest {
    let stop = StopRequest()
    if !interrupt { signal(SIGINT, SIG_IGN) }
    for number in interrupt ? [SIGTERM, SIGINT] : [SIGTERM] {
      precondition(millrace_signals_catch(number) == 0, "no pipe for signals: errno \(errno)")
    }
    let thread = Thread {
      while millrace_signals_next() > 0 {
        stop.isSet.withLock { $0 = true }
        stop.request.yield()
      }
    }
    thread.name = "signals"
    thread.start()
    return stop
  }
}
