internal import CCurl
import Foundation

/// The requests and cancellations that callers hand to the loop.
@safe final class TransferInbox {
  private let lock = NSLock()
  private var submitted: [Transfer] = []
  private var cancelled: [Transfer] = []
  private var isStopped = false
  private var isClosed = false
  private let multi: OpaquePointer?

  init() {
    // The call can be repeated, and has been thread-safe since libcurl 7.84.
    curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    unsafe multi = OpaquePointer(curl_multi_init())
  }

  var handle: UnsafeMutableRawPointer? { unsafe UnsafeMutableRawPointer(multi) }

  private func change(_ body: () -> Void) {
    lock.lock()
    defer { lock.unlock() }
    body()
    // The wake-up may be called from any thread while the multi handle exists. The loop frees the handle
    // with the lock held.
    if !isClosed { unsafe curl_multi_wakeup(handle) }
  }

  /// Frees the multi handle and fails the exchanges that never started. The loop calls it last.
  func close() {
    lock.lock()
    defer { lock.unlock() }
    isClosed = true
    unsafe curl_multi_cleanup(handle)
    for transfer in submitted {
      transfer.output.finish(throwing: HTTPClientFailure(.broken, "the client was closed"))
    }
    submitted = []
  }

  func submit(_ transfer: Transfer) { change { submitted.append(transfer) } }
  func cancel(_ transfer: Transfer) { change { cancelled.append(transfer) } }
  func stop() { change { isStopped = true } }

  func take() -> (submitted: [Transfer], cancelled: [Transfer], isStopped: Bool) {
    lock.lock()
    defer {
      submitted = []
      cancelled = []
      lock.unlock()
    }
    return (submitted, cancelled, isStopped)
  }
}

// Every access to the stored state is made with `lock` held. Waking up the multi handle is thread-safe.
extension TransferInbox: @unchecked Sendable {}
