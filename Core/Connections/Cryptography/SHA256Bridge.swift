internal import COpenSSL

/// SHA-256, over OpenSSL.
package enum SHA256 {
  /// - Returns: 32 bytes.
  package static func digest(_ bytes: [UInt8]) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    // One call, without a context to free. It fails only when memory is short.
    let status = unsafe EVP_Digest(bytes, bytes.count, &result, &length, EVP_sha256(), nil)
    precondition(status == 1 && length == 32, "EVP_Digest returned \(status), length \(length)")
    return result
  }

  /// Lower-case hexadecimal.
  package static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
