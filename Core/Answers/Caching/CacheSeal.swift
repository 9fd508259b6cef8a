import Cryptography
import Settings

/// Signs what is stored in Redis, so that nobody else who can write there can forge an entry.
///
/// A sealed entry is an HMAC-SHA-256 (32 bytes) followed by the payload. The HMAC also covers the key in Redis, so that
/// an entry that was copied to another key does not verify.
package struct CacheSeal: Sendable {
  private static let codeBytes = 32
  private static let keyBytesMin = 16
  private let secret: [UInt8]

  package init(secret: [UInt8]) { self.secret = secret }

  /// The seal that the settings name; nil without `cache.key`: then nothing is cached.
  ///
  /// - Throws: `SettingsError` when the key is too short, or when the file that contains it can't be read.
  package static func named(in settings: Settings) throws(SettingsError) -> CacheSeal? {
    if settings.cache.key.isEmpty { return nil }
    let secret = Array(try settings.cache.key.read().utf8)
    guard secret.count >= keyBytesMin else {
      throw SettingsError(
        key: "cache.key", value: settings.table.shown("cache.key"),
        rule: "must have at least \(keyBytesMin) bytes")
    }
    return CacheSeal(secret: secret)
  }

  package func seal(_ payload: [UInt8], under redisKey: [UInt8]) -> [UInt8] {
    code(payload[...], redisKey) + payload
  }

  /// - Returns: nil for an entry that was not sealed with this key under `redisKey`.
  package func open(_ entry: [UInt8], under redisKey: [UInt8]) -> [UInt8]? {
    guard entry.count >= Self.codeBytes else { return nil }
    let payload = entry[Self.codeBytes...]
    guard MessageCode.areEqual(entry[..<Self.codeBytes], code(payload, redisKey)) else { return nil }
    return Array(payload)
  }

  private func code(_ payload: ArraySlice<UInt8>, _ redisKey: [UInt8]) -> [UInt8] {
    // The length marks where the key ends, so that no byte of the key can pass for one of the payload.
    let length = (0..<8).map { UInt8(truncatingIfNeeded: redisKey.count >> (8 * $0)) }
    return MessageCode.hmacSHA256(length + redisKey + payload, key: secret)
  }
}
