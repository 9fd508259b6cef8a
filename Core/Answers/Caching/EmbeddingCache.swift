import Cryptography
import Records
import RedisClient
import Settings
import Stage
import Time

/// Caches the vectors of chunks in Redis by model, precision and content hash, so that unchanged chunks are
/// not embedded again.
///
/// An entry is sealed (`CacheSeal`) and holds `dimension` IEEE 754 half-precision floats (little endian). Anything else
/// is a miss, and so is a vector that is not of unit length.
package struct EmbeddingCache: Sendable {
  package static let precision = "f16"
  private let redis: RedisClient
  private let seal: CacheSeal
  private let context: StageContext
  private let model: String
  private let dimension: Int

  /// - Returns: nil without a Redis or a seal, or when `cache.embeddingTTL` is zero.
  package init?(_ context: StageContext, redis: RedisClient?, seal: CacheSeal?, model: String, dimension: Int)
  {
    guard let redis, let seal, context.settings.cache.embeddingTTL > .zero else { return nil }
    self.redis = redis
    self.seal = seal
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
      let reason = RedisFailure.label(of: error)
      count("miss", ["timeout", "refused"].contains(reason) ? reason : "unreachable", hashes.count)
      return none
    }
    if case .error? = replies.first {
      count("miss", "refused", hashes.count)
      return none
    }
    guard case .array(let values)? = replies.first, values.count == hashes.count else {
      count("miss", "bad_entry", hashes.count)
      return none
    }
    return zip(hashes, values).map { hash, value in
      guard let bytes = value.bytesValue else {
        count("miss", "absent", 1)
        return nil
      }
      guard let payload = seal.open(bytes, under: key(hash)) else {
        count("miss", "unverified", 1)
        return nil
      }
      guard let vector = Self.decode(payload, dimension: dimension) else {
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
      [
        Array("SET".utf8), key(entry.hash), seal.seal(Self.encode(entry.vector), under: key(entry.hash)),
        Array("PX".utf8), life,
      ]
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
    bytes.reserveCapacity(vector.count * 2)
    for value in vector {
      let pattern = Float16(value).bitPattern
      bytes.append(UInt8(truncatingIfNeeded: pattern))
      bytes.append(UInt8(truncatingIfNeeded: pattern >> 8))
    }
    return bytes
  }

  package static func decode(_ bytes: [UInt8], dimension: Int) -> [Float]? {
    guard bytes.count == dimension * 2 else { return nil }
    var vector: [Float] = []
    vector.reserveCapacity(dimension)
    var squares: Float = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
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
