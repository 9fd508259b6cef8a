// swift-format-ignore-file: NeverForceUnwrap
import Records
import Testing

@testable import Evaluation

@Suite struct VisibleRowsTests {
  private let key = DocumentKey(tenant: .standard, id: DocumentID("d")!)

  private func batch(_ offset: Int64, _ chunks: [UInt32], of count: UInt32, digest: UInt8 = 1) -> VectorBatch
  {
    var header = PartHeader(document: DocumentInfo(key: key, version: Version(epoch: 1, offset: offset)))
    header.digest = [digest]
    header.chunkCount = count
    return VectorBatch(
      header: header,
      content: .vectors(
        chunks: chunks.map { number in
          var chunk = Chunk()
          chunk.number = number
          chunk.text = "text \(offset) \(number)"
          return chunk
        }, dimension: 1,
        values: chunks.map { Float($0) }))
  }

  private func mark(_ offset: Int64, _ mark: Mark) -> VectorBatch {
    let header = PartHeader(document: DocumentInfo(key: key, version: Version(epoch: 1, offset: offset)))
    return VectorBatch(header: header, content: .mark(mark, operation: .put, error: nil))
  }

  private func visible(_ batches: [VectorBatch]) -> Set<Float> {
    var rows = VisibleRows()
    for batch in batches { rows.add(batch) }
    return Set(rows.rows.flatMap(\.vector))
  }

  @Test("failed and incomplete versions do not hide the newest complete one; a later deletion hides it")
  func newest() {
    let old = batch(5, [0, 1], of: 2)
    #expect(visible([old]) == [0, 1])
    #expect(visible([old, mark(7, .failed)]) == [0, 1] && visible([mark(7, .dropped), old]) == [0, 1])
    #expect(visible([old, batch(8, [7], of: 2)]) == [0, 1], "a version of which a part is missing")
    #expect(visible([old, batch(8, [7], of: 2), batch(8, [9], of: 2)]) == [7, 9])
    #expect(visible([batch(8, [7], of: 1), old]) == [7], "the order of the records does not matter")
    #expect(visible([old, mark(6, .deleted)]).isEmpty && visible([mark(6, .deleted), old]).isEmpty)
    #expect(visible([mark(6, .deleted), batch(8, [7], of: 1)]) == [7])
    #expect(
      visible([batch(5, [0], of: 2), batch(5, [3], of: 1, digest: 2)]) == [3], "chunked in another way")
    #expect(
      visible([batch(5, [3], of: 1, digest: 2), batch(5, [0], of: 2)]) == [3], "the other way is incomplete")
    for digests in [[2, 1], [1, 2]] as [[UInt8]] {
      #expect(
        visible(digests.map { batch(5, [UInt32($0)], of: 1, digest: $0) }) == [1], "the lower digest shows")
    }
  }
}
