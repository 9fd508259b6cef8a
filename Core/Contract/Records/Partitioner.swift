/// Kafka's default partitioner, which the Java clients use for a record with a key.
package enum Partitioner {
  /// - Returns: the partition of `key` among `partitionCount`.
  /// - SeeAlso: `org.apache.kafka.common.utils.Utils.murmur2`.
  package static func partition(ofKey key: [UInt8], partitionCount: Int32) -> Int32 {
    Int32(murmur2(key) & 0x7FFF_FFFF) % max(1, partitionCount)
  }

  package static func murmur2(_ data: [UInt8]) -> UInt32 {
    let multiplier: UInt32 = 0x5BD1_E995
    var hash: UInt32 = 0x9747_B28C ^ UInt32(truncatingIfNeeded: data.count)
    var index = 0
    while data.count - index >= 4 {
      var word =
        UInt32(data[index]) | UInt32(data[index + 1]) << 8 | UInt32(data[index + 2]) << 16
        | UInt32(data[index + 3]) << 24
      word &*= multiplier
      word ^= word >> 24
      word &*= multiplier
      hash = (hash &* multiplier) ^ word
      index += 4
    }
    let tail = data.count - index
    if tail >= 3 { hash ^= UInt32(data[index + 2]) << 16 }
    if tail >= 2 { hash ^= UInt32(data[index + 1]) << 8 }
    if tail >= 1 {
      hash ^= UInt32(data[index])
      hash &*= multiplier
    }
    hash ^= hash >> 13
    hash &*= multiplier
    return hash ^ (hash >> 15)
  }
}
