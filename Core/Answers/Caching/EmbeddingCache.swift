import Cryptography
import Records
import RedisClient
import Settings
import Stage
import Time

/// Caches the vectors of chunks in Redis by model, precision and content hash, so that unchanged chunks are
/// not embedded again.
///
/// An entry is a CRC-32C of the rest (4 bytes, little endian) and `dimension` IEEE 754 half-precision floats
/// (little endian). Anything else is a miss, and so is a vector that is not of unit length.
package struct EmbeddingCache: Sendable {
  package static let precision = "f16"
  private let redis: RedisClient
  private let context: StageContext
  private let model: String
  private let dimension: Int

  /// - Returns: nil without a Redis, or when `cache.embeddingTTL` is zero.
  package init?(_ context: StageContext, redis: RedisClient?, model: String, dimension: Int) {
    guard let redis, context.settings.cache.embeddingTTL > .zero else { return nil }
    self.redis = redis
    self.context = context
    self.model = model
    self.dimension = dimension
  }

  /// The vector as the cache would return it. New vectors are rounded too, so that new and cached ones are
  /// equal to the last bit.
  package static func rounded(_ vector: [Float]) -> [Float] { vector.map { Float(Float16($0)) } }

  private func key(_ hash: [UInt8]) -> [UInt8] {
    Array("millrace:embedding:\(model):\(Self.precision):\(SHA256.hex(hash))".utf8)
  }

  /// Looks up vectors in one round trip; nil for each miss, in the order of `hashes`.
  package func lookUp(_ hashes: [[UInt8]]) async -> [[Float]?] {
    let none = [[Float]?](repeating: nil, count: hashes.count)
    guard !hashes.isEmpty else { return none }
    let replies: [RedisReply]
    do {
      replies = try await redis.send([[Array("MGET".utf8)] + hashes.map(key)])
    } catch {
      let isTimeout = (error as? RedisFailure)?.reason == .timeout
      count("miss", isTimeout ? "timeout" : "unreachable", hashes.count)
      return none
    }
    guard case .array(let values)? = replies.first, values.count == hashes.count else {
      count("miss", "bad_entry", hashes.count)
      return none
    }
    return values.map { value in
      guard let bytes = value.bytesValue else {
        count("miss", "absent", 1)
        return nil
      }
      guard let vector = Self.decode(bytes, dimension: dimension) else {
        count("miss", "bad_entry", 1)
        return nil
      }
      count("hit", "", 1)
      return vector
    }
  }

  /// Stores new vectors in one pipeline. Failed writes are only counted.
  package func store(_ vectors: [(hash: [UInt8], vector: [Float])]) async {
    guard !vectors.isEmpty else { return }
    let life = Array("\(context.settings.cache.embeddingTTL.milliseconds)".utf8)
    let commands = vectors.map { entry in
      [Array("SET".utf8), key(entry.hash), Self.encode(entry.vector), Array("PX".utf8), life]
    }
    do {
      let replies = try await redis.send(commands)
      let refused = replies.filter { if case .error = $0 { true } else { false } }.count
      if refused > 0 { writeFailed("refused", refused) }
    } catch {
      writeFailed(RedisFailure.label(of: error), vectors.count)
    }
  }

  package static func encode(_ vector: [Float]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 + vector.count * 2)
    for value in vector {
      let pattern = Float16(value).bitPattern
      bytes.append(UInt8(truncatingIfNeeded: pattern))
      bytes.append(UInt8(truncatingIfNeeded: pattern >> 8))
    }
    let sum = Checksum.crc32c(bytes[...])
    return (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) } + bytes
  }

  package static func decode(_ bytes: [UInt8], dimension: Int) -> [Float]? {
    guard bytes.count == 4 + dimension * 2 else { return nil }
    let sum = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[$1]) << (8 * UInt32($1)) }
    guard sum == Checksum.crc32c(bytes[4...]) else { return nil }
    var vector: [Float] = []
    vector.reserveCapacity(dimension)
    var squares: Float = 0
    for index in stride(from: 4, to: bytes.count, by: 2) {
      let value = Float(Float16(bitPattern: UInt16(bytes[index]) | UInt16(bytes[index + 1]) << 8))
      squares += value * value
      vector.append(value)
    }
    return (0.98...1.02).contains(squares) ? vector : nil
  }

  private func count(_ result: String, _ reason: String, _ number: Int) {
    context.metrics.increment(
      .cacheRequests, by: Double(number), [("cache", "embeddings"), ("result", result), ("reason", reason)])
  }

  private func writeFailed(_ reason: String, _ number: Int) {
    context.metrics.increment(
      .cacheWriteFailures, by: Double(number), [("cache", "embeddings"), ("reason", reason)])
  }
}
