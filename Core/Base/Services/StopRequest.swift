internal import CSignals
import Foundation
import Synchronization

/// The request to stop the process: SIGTERM, and SIGINT if wanted.
///
/// It uses a signal handler and a pipe instead of Dispatch's signal sources, for two reasons. A source is
/// installed some time after it is activated, and a signal in between is lost. And while any thread waits
/// with no signal blocked, as the main thread does, Dispatch passes each signal from thread to thread until
/// the right one has it.
package final class StopRequest: Sendable {
  /// One element for each request.
  package let stream: AsyncStream<Void>
  private let request: AsyncStream<Void>.Continuation
  private let isSet = Mutex(false)

  /// Whether a stop was ever requested.
  package var isRequested: Bool { isSet.withLock { $0 } }

  private init() {
    (stream, request) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(4))
  }

  /// Call it once per process: all instances read the same pipe, so only one of them would see a signal.
  ///
  /// - Parameter interrupt: false in the child of a supervisor. A terminal's Ctrl-C reaches the whole
  ///   process group, but the children must wait until the supervisor stops them in order.
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
