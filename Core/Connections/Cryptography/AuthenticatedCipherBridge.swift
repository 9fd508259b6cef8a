internal import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) over OpenSSL: without the key nobody can read a message or create a valid one.
///
/// A sealed message is a random nonce (12 bytes), the encrypted text, and a tag (16 bytes).
package enum AuthenticatedCipher {
  package static let keyBytes = 32
  private static let nonceBytes = 12
  private static let tagBytes = 16

  /// Encrypts and authenticates a message.
  ///
  /// - Parameters:
  ///   - key: 32 bytes. With random nonces, one key is good for 2³² messages.
  ///   - context: not part of the result, but `open` needs the same bytes.
  /// - Returns: nil when the key does not have 32 bytes or OpenSSL fails, for example to get random bytes.
  package static func seal(_ text: [UInt8], key: [UInt8], context: [UInt8]) -> [UInt8]? {
    var nonce = [UInt8](repeating: 0, count: nonceBytes)
    guard key.count == keyBytes, unsafe RAND_bytes(&nonce, Int32(nonceBytes)) == 1,
      let cipher = unsafe EVP_CIPHER_CTX_new()
    else { return nil }
    defer { unsafe EVP_CIPHER_CTX_free(cipher) }
    var length: Int32 = 0
    var sealed = [UInt8](repeating: 0, count: text.count)
    var tag = [UInt8](repeating: 0, count: tagBytes)
    guard unsafe EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      unsafe EVP_EncryptUpdate(cipher, nil, &length, context, Int32(clamping: context.count)) == 1,
      unsafe EVP_EncryptUpdate(cipher, &sealed, &length, text, Int32(clamping: text.count)) == 1,
      unsafe EVP_EncryptFinal_ex(cipher, &tag, &length) == 1,
      unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, Int32(tagBytes), &tag) == 1
    else { return nil }
    return nonce + sealed + tag
  }

  /// Decrypts a sealed message.
  ///
  /// - Returns: nil when the message was changed, or not sealed with this key and context.
  package static func open(_ message: [UInt8], key: [UInt8], context: [UInt8]) -> [UInt8]? {
    guard key.count == keyBytes, message.count >= nonceBytes + tagBytes,
      let cipher = unsafe EVP_CIPHER_CTX_new()
    else { return nil }
    defer { unsafe EVP_CIPHER_CTX_free(cipher) }
    let nonce = Array(message[..<nonceBytes])
    let sealed = Array(message[nonceBytes..<(message.count - tagBytes)])
    var tag = Array(message[(message.count - tagBytes)...])
    var length: Int32 = 0
    var text = [UInt8](repeating: 0, count: sealed.count)
    var rest = [UInt8](repeating: 0, count: tagBytes)
    guard unsafe EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      unsafe EVP_DecryptUpdate(cipher, nil, &length, context, Int32(clamping: context.count)) == 1,
      unsafe EVP_DecryptUpdate(cipher, &text, &length, sealed, Int32(clamping: sealed.count)) == 1,
      unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, Int32(tagBytes), &tag) == 1,
      unsafe EVP_DecryptFinal_ex(cipher, &rest, &length) == 1
    else { return nil }
    return text
  }
}
