import Cryptography
import Records

/// The first 16 bytes of the SHA-256 of a principal's name: what the index keeps of access lists.
package struct PrincipalHash: Sendable, Hashable, Comparable {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package init(_ principal: Principal) {
    let digest = SHA256.digest(Array(principal.rawValue.utf8))
    high = digest[..<8].reduce(0) { $0 << 8 | UInt64($1) }
    low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
  }

  package static func < (a: PrincipalHash, b: PrincipalHash) -> Bool { (a.high, a.low) < (b.high, b.low) }
}
