/// The version and the part that a record holds; shared by `ChunkBatch` and `VectorBatch`.
package struct PartHeader: Sendable, Equatable {
  /// The format that this build writes. Readers accept this format and older ones.
  package static let formatCurrent: UInt32 = 1

  package var format = PartHeader.formatCurrent
  package var document: DocumentInfo
  /// The first 16 bytes of SHA-256 over all chunks, their division into parts, the model and the format.
  package var digest: [UInt8] = []
  package var part: UInt32 = 0
  package var partCount: UInt32 = 0
  package var chunkCount: UInt32 = 0
  package var model = ""
  package var requestID = ""

  package init(document: DocumentInfo) { self.document = document }

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
