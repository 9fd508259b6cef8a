import Caching
import Cryptography
import Settings
import Testing

// Goal: nobody without `cache.key` can make or move an entry of the caches. Method: a test vector of RFC 4231, then
// entries that are changed byte by byte, copied, cut and made with another secret.

@Suite struct CacheSealTests {
  private let seal = CacheSeal(secret: Array("a key of sixteen bytes or more".utf8))

  @Test("HMAC-SHA-256 agrees with a test vector of RFC 4231")
  func vectors() {
    #expect(
      SHA256.hex(MessageCode.hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8)))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }

  @Test("an entry opens only unchanged, under its own Redis key and with the same secret")
  func tampering() {
    let (key, payload) = (Array("millrace:answer:1".utf8), Array("payload".utf8))
    let entry = seal.seal(payload, under: key)
    #expect(seal.open(entry, under: key) == payload)
    #expect(seal.open(entry, under: Array("millrace:answer:2".utf8)) == nil, "copied")
    // The boundary between key and payload can't be moved.
    #expect(seal.open(entry, under: key + [payload[0]]) == nil)
    for index in entry.indices {
      var changed = entry
      changed[index] ^= 1
      #expect(seal.open(changed, under: key) == nil, "byte \(index)")
    }
    for count in 0..<entry.count { #expect(seal.open(Array(entry.prefix(count)), under: key) == nil) }
    #expect(CacheSeal(secret: Array("another key of sixteen bytes".utf8)).open(entry, under: key) == nil)
    #expect(seal.open(seal.seal([], under: key), under: key) == [])
  }

  @Test("without cache.key there is no seal; a short key, or one given as an option, is refused")
  func settings() throws {
    #expect(try CacheSeal.named(in: Settings(SettingsTable())) == nil)
    let short = try Settings(SettingsTable(environment: ["CACHE_KEY": "short-secret"]))
    let error = #expect(throws: SettingsError.self) { try CacheSeal.named(in: short) }
    #expect(error?.description.contains("16") == true && error?.description.contains("short-secret") == false)
    #expect(throws: SettingsError.self) {
      try SettingsTable(flags: ["--cache-key": "on the command line, secret"])
    }
  }
}
