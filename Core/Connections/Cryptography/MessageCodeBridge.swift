internal import COpenSSL

/// HMAC-SHA-256 (RFC 2104), over OpenSSL: without the key nobody can compute the code of a message.
package enum MessageCode {
  /// - Returns: 32 bytes.
  package static func hmacSHA256(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    let made = unsafe HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &result, &length)
    unsafe precondition(made != nil && length == 32, "HMAC failed")
    return result
  }

  /// Compares two codes in a time that does not depend on where they differ.
  package static func areEqual(_ a: ArraySlice<UInt8>, _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
