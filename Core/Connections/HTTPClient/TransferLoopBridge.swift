internal import CCurl
import Foundation
import Time

/// The loop that the client's only thread runs: it starts, drives and ends all transfers.
@safe final class TransferLoop {
  private let inbox: TransferInbox
  private let multi: UnsafeMutableRawPointer?
  private var active: [ObjectIdentifier: Transfer] = [:]

  init(_ inbox: TransferInbox) {
    self.inbox = inbox
    unsafe multi = inbox.handle
  }

  func run() {
    while true {
      let work = inbox.take()
      for transfer in work.submitted { start(transfer) }
      for transfer in work.cancelled where active[ObjectIdentifier(transfer)] != nil { remove(transfer) }
      if work.isStopped {
        for transfer in active.values {
          transfer.output.finish(throwing: HTTPClientFailure(.broken, "the client was closed"))
          remove(transfer)
        }
        inbox.close()
        return
      }
      var running: Int32 = 0
      unsafe curl_multi_perform(multi, &running)
      finishDone()
      unsafe curl_multi_poll(multi, nil, 0, 1000, nil)
    }
  }

  private func start(_ transfer: Transfer) {
    let request = transfer.request
    guard let easy = unsafe curl_easy_init() else {
      transfer.output.finish(throwing: HTTPClientFailure(.broken, "out of memory"))
      return
    }
    unsafe transfer.easy = easy
    active[ObjectIdentifier(transfer)] = transfer
    for header in request.headers + [("Expect", "")] {
      // An empty "Expect:" header keeps libcurl from waiting for 100-continue.
      unsafe transfer.headers = curl_slist_append(transfer.headers, "\(header.name): \(header.value)")
    }
    // The transfer outlives the handle, because `active` holds the transfer until `remove`.
    let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
    unsafe millrace_curl_set_callbacks(easy, receiveBody, receiveHeader, context)
    unsafe millrace_curl_set_text(easy, CURLOPT_URL, request.url)
    unsafe millrace_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    unsafe millrace_curl_set_headers(easy, transfer.headers)
    unsafe millrace_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
    unsafe millrace_curl_set_long(easy, CURLOPT_TIMEOUT_MS, max(1, Int(request.timeout.milliseconds)))
    unsafe millrace_curl_set_long(
      easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(request.connectTimeout.milliseconds)))
    if let body = request.body {
      unsafe millrace_curl_set_long(easy, CURLOPT_POST, 1)
      unsafe body.withUnsafeBytes { buffer in
        _ = unsafe millrace_curl_set_body(easy, buffer.baseAddress, buffer.count)
      }
    }
    let code = unsafe curl_multi_add_handle(multi, easy)
    if code != CURLM_OK {
      transfer.output.finish(
        throwing: HTTPClientFailure(.broken, unsafe String(cString: curl_multi_strerror(code))))
      remove(transfer)
    }
  }

  private func finishDone() {
    var left: Int32 = 0
    while let message = unsafe curl_multi_info_read(multi, &left) {
      guard unsafe message.pointee.msg == CURLMSG_DONE else { continue }
      let easy = unsafe message.pointee.easy_handle
      let code = unsafe message.pointee.data.result
      guard let transfer = active.values.first(where: { unsafe $0.easy == easy }) else { continue }
      transfer.sendHead()
      if code == CURLE_OK {
        transfer.output.finish()
      } else {
        transfer.output.finish(throwing: Self.failure(code, transfer))
      }
      remove(transfer)
    }
  }

  private static func failure(_ code: CURLcode, _ transfer: Transfer) -> HTTPClientFailure {
    let text = unsafe String(cString: curl_easy_strerror(code))
    return switch code {
    case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
      HTTPClientFailure(.unreachable, text)
    case CURLE_OPERATION_TIMEDOUT: HTTPClientFailure(.timeout, text)
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: HTTPClientFailure(.invalid, text)
    case CURLE_WRITE_ERROR where transfer.byteCount > transfer.request.responseBytesMax:
      HTTPClientFailure(.tooLarge, "more than \(transfer.request.responseBytesMax) bytes")
    default: HTTPClientFailure(.broken, text)
    }
  }

  private func remove(_ transfer: Transfer) {
    active[ObjectIdentifier(transfer)] = nil
    if let easy = unsafe transfer.easy {
      unsafe curl_multi_remove_handle(multi, easy)
      unsafe curl_easy_cleanup(easy)
      unsafe transfer.easy = nil
    }
    unsafe curl_slist_free_all(transfer.headers)
    unsafe transfer.headers = nil
  }
}

private func receiveBody(
  bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
  guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
  let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  transfer.sendHead()
  let length = size * count
  transfer.byteCount += length
  guard transfer.byteCount <= transfer.request.responseBytesMax else { return 0 }  // ends the transfer
  transfer.output.yield(.body(unsafe Array(UnsafeRawBufferPointer(start: bytes, count: length))))
  return length
}

private func receiveHeader(
  bytes: UnsafeMutablePointer<CChar>?, size: Int, count: Int, context: UnsafeMutableRawPointer?
) -> Int {
  guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
  let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  let line = unsafe String(
    decoding: UnsafeRawBufferPointer(start: bytes, count: size * count), as: UTF8.self)
  let parts = line.split(separator: ":", maxSplits: 1)
  if parts.count == 2, parts[0].lowercased() == "retry-after" {
    transfer.retryAfter = RetryAfter.seconds(parts[1].trimmingCharacters(in: .whitespacesAndNewlines))
  }
  return size * count
}
