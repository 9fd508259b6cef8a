internal import CCurl
import Foundation

/// One exchange. After `submit`, only the loop's thread touches it.
@safe final class Transfer {
  let request: HTTPRequest
  let output: AsyncThrowingStream<HTTPEvent, any Error>.Continuation
  var easy: UnsafeMutableRawPointer?
  var headers: UnsafeMutablePointer<curl_slist>?
  var retryAfter: Double?
  var hasHead = false
  var byteCount = 0

  init(_ request: HTTPRequest, _ output: AsyncThrowingStream<HTTPEvent, any Error>.Continuation) {
    self.request = request
    self.output = output
  }
}

// Handed over once through `TransferInbox`, then used only by the loop's thread.
extension Transfer: @unchecked Sendable {}

extension Transfer {
  func sendHead() {
    guard !hasHead, let easy = unsafe easy else { return }
    let status = unsafe millrace_curl_status(easy)
    guard status > 0 else { return }
    hasHead = true
    output.yield(.head(status: status, retryAfter: retryAfter))
  }
}
