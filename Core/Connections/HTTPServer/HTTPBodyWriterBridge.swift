internal import CMicroHTTPD
import Foundation
import Synchronization

/// Writes the body of a streamed response. A writer that is dropped before `finish` cuts the connection off,
/// so that the client does not take a part for the whole.
@safe package final class HTTPBodyWriter {
  private let owner: HTTPExchange
  private let exchange: OpaquePointer?
  private let signal = RoomSignal()

  /// - Parameter exchange: of `owner`, which keeps it alive; nil when the exchange has another response.
  init(_ owner: HTTPExchange, _ exchange: OpaquePointer?, status: UInt32) {
    self.owner = owner
    unsafe self.exchange = exchange
    guard let exchange = unsafe exchange else { return }
    // Released by the C side, when it can't call any more.
    let context = unsafe Unmanaged.passRetained(signal).toOpaque()
    unsafe millrace_http_begin(exchange, status, roomChanged, releaseSignal, context)
  }

  deinit { end(isComplete: false) }

  /// Sends a piece of the body. Waits while the client has not taken enough of the earlier ones.
  ///
  /// - Throws: `HTTPFailure` of kind cancelled when the client has left, or the exchange had a response before;
  ///   `CancellationError`.
  package func write(_ bytes: [UInt8]) async throws {
    guard let exchange = unsafe exchange else {
      throw HTTPFailure(description: "the request has another response", kind: .cancelled)
    }
    while true {
      let seen = signal.count
      let taken = unsafe bytes.withUnsafeBytes { buffer in
        unsafe millrace_http_write(
          exchange, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
      }
      if taken > 0 { return }
      if taken < 0 { throw HTTPFailure(description: "the client has left", kind: .cancelled) }
      try Task.checkCancellation()
      await signal.wait(after: seen)
    }
  }

  package func finish() { end(isComplete: true) }

  private func end(isComplete: Bool) {
    guard let exchange = unsafe exchange else { return }
    unsafe millrace_http_end(exchange, isComplete ? 1 : 0)
  }
}

// The C functions take a lock; the pointer lives as long as the exchange that is held here.
extension HTTPBodyWriter: @unchecked Sendable {}

/// Counts the times that room was made, so that none is missed between a look and a wait.
private final class RoomSignal: Sendable {
  private struct State {
    var count = 0
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  var count: Int { state.withLock { $0.count } }

  func raise() {
    let waiter = state.withLock { state in
      state.count += 1
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Returns when the count has passed `seen`, or the task is cancelled. One task waits at a time.
  func wait(after seen: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state in
          guard state.count == seen, !Task.isCancelled else { return true }
          state.waiter = continuation
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      raise()
    }
  }
}

private func roomChanged(context: UnsafeMutableRawPointer?) {
  guard let context = unsafe context else { return }
  unsafe Unmanaged<RoomSignal>.fromOpaque(context).takeUnretainedValue().raise()
}

private func releaseSignal(context: UnsafeMutableRawPointer?) {
  guard let context = unsafe context else { return }
  unsafe Unmanaged<RoomSignal>.fromOpaque(context).release()
}
