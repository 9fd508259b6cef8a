import Cryptography
import Records

/// Divides the chunks of a version into parts whose vectors fit in a record, and identifies the division by a
/// digest.
package enum PartDivision {
  package static let chunksMax = 64
  package static let textBytesMax = 256_000

  /// - Returns: one batch per part. All carry the same digest, which covers all chunks, their division into
  ///   parts, the model and the format.
  package static func parts(of chunks: [Chunk], document: DocumentInfo, model: String, requestID: String)
    -> [ChunkBatch]
  {
    var groups: [[Chunk]] = []
    var current: [Chunk] = []
    var bytes = 0
    for chunk in chunks {
      if current.count >= chunksMax || (bytes + chunk.text.utf8.count > textBytesMax && !current.isEmpty) {
        groups.append(current)
        current = []
        bytes = 0
      }
      current.append(chunk)
      bytes += chunk.text.utf8.count
    }
    if !current.isEmpty { groups.append(current) }
    var described = "format \(PartHeader(document: document).format) model \(model)\n"
    for (part, group) in groups.enumerated() {
      for chunk in group {
        described += "\(part) \(chunk.number) \(chunk.start) \(chunk.end) \(SHA256.hex(chunk.contentHash))\n"
      }
    }
    // 16 of SHA-256's 32 bytes are enough: the digest only tells chunkings of one version apart.
    let digest = Array(SHA256.digest(Array(described.utf8)).prefix(16))
    return groups.enumerated().map { part, group in
      var header = PartHeader(document: document)
      header.digest = digest
      header.part = UInt32(part)
      header.partCount = UInt32(groups.count)
      header.chunkCount = UInt32(chunks.count)
      header.model = model
      header.requestID = requestID
      return ChunkBatch(header: header, chunks: group)
    }
  }
}
