import Cryptography
import Records

/// The Redis channel of one answer's sentences, and the key that encrypts them.
///
/// Everybody who may use Redis sees the names of all channels and every message. So the name reveals nothing about the
/// query, and the messages are encrypted. The name and the encryption key are derived from the query's token.
package struct SentenceStream: Sendable {
  package let channel: String
  private let key: [UInt8]

  /// - Returns: nil for a query that asks for no stream or has no token.
  package init?(_ query: QueryRecord, topicPrefix: String) {
    guard query.stream, let token = query.streamToken else { return nil }
    let secret = Array(token.utf8)
    let name = Array("\(topicPrefix)\n\(query.key)".utf8)
    let channel = MessageCode.hmacSHA256(Array("channel\n".utf8) + name, key: secret)
    self.channel =
      "millrace:stream:" + channel.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    key = MessageCode.hmacSHA256(Array("key\n".utf8) + name, key: secret)
  }

  /// - Returns: nil when the system provides no random bytes.
  package func seal(_ sentence: String) -> [UInt8]? {
    AuthenticatedCipher.seal(Array(sentence.utf8), key: key, context: Array(channel.utf8))
  }

  /// - Returns: nil for a message from somebody who does not have the token.
  package func open(_ message: [UInt8]) -> String? {
    AuthenticatedCipher.open(message, key: key, context: Array(channel.utf8)).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
