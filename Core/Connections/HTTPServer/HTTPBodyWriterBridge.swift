internal import CMicroHTTPD
import Foundation
import Synchronization

/// Writes the body of a streamed response. Releasing the writer before `finish` cuts the connection off, so
/// that the client does not mistake a part of the body for the whole.
@safe package final class HTTPBodyWriter {
  private let owner: HTTPExchange
  private let exchange: OpaquePointer?
  private let signal = RoomSignal()

  /// - Parameter exchange: the C object of `owner`, which keeps it alive; nil when it already has a response.
  init(_ owner: HTTPExchange, _ exchange: OpaquePointer?, status: UInt32) {
    self.owner = owner
    unsafe self.exchange = exchange
    guard let exchange = unsafe exchange else { return }
    // The C code releases the signal when it can't call it any more.
    let context = unsafe Unmanaged.passRetained(signal).toOpaque()
    unsafe millrace_http_begin(exchange, status, roomChanged, releaseSignal, context)
  }

  deinit { end(isComplete: false) }

  /// Sends a piece of the body. Waits while too many bytes of the earlier pieces have not been sent.
  ///
  /// - Throws: `HTTPFailure` of kind cancelled when the connection is closed, the server stops, or the exchange
  ///   already had a response; `CancellationError`.
  package func write(_ bytes: [UInt8]) async throws {
    guard let exchange = unsafe exchange else {
      throw HTTPFailure(description: "the request already has a response", kind: .cancelled)
    }
    while true {
      let seen = signal.count
      let taken = unsafe bytes.withUnsafeBytes { buffer in
        unsafe millrace_http_write(
          exchange, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
      }
      if taken > 0 { return }
      if taken < 0 { throw HTTPFailure(description: "the connection is closed", kind: .cancelled) }
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

// The C functions take a lock, and `owner` keeps the pointer valid.
extension HTTPBodyWriter: @unchecked Sendable {}

/// Counts the wake-ups from the C code, so that none is lost between a refused write and the wait.
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

  /// Returns when the count has passed `seen`, or the task is cancelled. Only one task may wait at a time.
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
