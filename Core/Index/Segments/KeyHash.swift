import Records

/// A 64-bit hash of a document's key (FNV-1a, then the finaliser of MurmurHash3). Hashes are stored, so the function
/// must never change. Equal hashes of different keys only cost time.
package enum KeyHash {
  package static func of(_ key: [UInt8]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
    return hash ^ hash >> 33
  }
}
