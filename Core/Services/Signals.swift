import Dispatch
import Foundation

/// Yields once for every SIGTERM (and SIGINT, when asked for) that the process receives.
///
/// The default action of these signals is switched off for as long as the process lives.
package enum Signals {
  /// - Parameter interrupt: false where a supervisor decides: a terminal's Ctrl-C reaches the whole
  ///   process group, and the children must wait for their ordered stop.
  package static func stopRequests(interrupt: Bool) -> AsyncStream<Void> {
    signal(SIGINT, SIG_IGN)
    return stream(of: interrupt ? [SIGTERM, SIGINT] : [SIGTERM])
  }

  private static func stream(of numbers: [Int32]) -> AsyncStream<Void> {
    AsyncStream(bufferingPolicy: .bufferingNewest(4)) { continuation in
      let sources = numbers.map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { continuation.yield() }
        source.activate()
        return source
      }
      let kept = SignalSources(sources: sources)
      continuation.onTermination = { _ in kept.cancel() }
    }
  }
}

private final class SignalSources {
  let sources: [any DispatchSourceSignal]
  init(sources: [any DispatchSourceSignal]) { self.sources = sources }
  func cancel() { for source in sources { source.cancel() } }
}

// Dispatch sources may be cancelled from any thread; the array never changes.
extension SignalSources: @unchecked Sendable {}
