/// Says which part of which document version a record holds; shared by `ChunkBatch` and `VectorBatch`.
package struct PartHeader: Sendable, Equatable {
  /// The format that this build writes, except for chunks and vectors that need `formatNewest`.
  package static let formatCurrent: UInt32 = 1
  /// The newest format of chunks and vectors that this build reads. Older ones are read, too.
  package static let formatNewest: UInt32 = 2

  /// 2 for a version that was read again: an older release, which would take it for the original version, refuses it.
  /// Otherwise 1.
  package var format: UInt32
  package var document: DocumentInfo
  /// The first 16 bytes of SHA-256 over all chunks, their division into parts, the model and the format.
  package var digest: [UInt8] = []
  package var part: UInt32 = 0
  package var partCount: UInt32 = 0
  package var chunkCount: UInt32 = 0
  package var model = ""
  package var requestID = ""

  package init(document: DocumentInfo) {
    self.document = document
    format = document.version.reading == 0 ? Self.formatCurrent : Self.formatNewest
  }

  package var digestHex: String { Self.hex(digest) }

  /// Lower-case hexadecimal, the form of a digest in keys.
  package static func hex(_ digest: [UInt8]) -> String {
    digest.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  /// The key under which this part's vectors are produced.
  package var vectorKey: VectorKey {
    VectorKey(document: document.key, version: document.version, set: .chunks(digest: digestHex), part: part)
  }
}
