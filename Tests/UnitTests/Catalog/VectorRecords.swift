// swift-format-ignore-file: NeverForceUnwrap
import Records

// Records of rag.vectors for one document, for the tests of the catalog and of the search pool.

let key = DocumentKey(tenant: .standard, id: DocumentID("doc")!)

func part(
  _ offset: Int64, digest: UInt8, _ part: UInt32 = 0, of count: UInt32 = 1, document: DocumentKey = key,
  reading: Int64 = 0, reader: ReaderVersion? = nil
) -> (VectorKey, VectorBatch) {
  var info = DocumentInfo(key: document, version: Version(epoch: 1, offset: offset, reading: reading))
  info.reader = reader
  var header = PartHeader(document: info)
  header.digest = [digest]
  header.part = part
  header.partCount = count
  header.chunkCount = count
  var chunk = Chunk()
  chunk.number = part
  chunk.text = reading == 0 ? "v\(offset)" : "v\(offset).\(reading)"
  let batch = VectorBatch(header: header, content: .vectors(chunks: [chunk], dimension: 2, values: [1, 0]))
  return (batch.key, batch)
}

func mark(_ offset: Int64, _ mark: Mark, reading: Int64 = 0) -> (VectorKey, VectorBatch) {
  let header = PartHeader(
    document: DocumentInfo(key: key, version: Version(epoch: 1, offset: offset, reading: reading)))
  let batch = VectorBatch(
    header: header, content: .mark(mark, operation: mark == .deleted ? .delete : .put, error: nil))
  return (batch.key, batch)
}
