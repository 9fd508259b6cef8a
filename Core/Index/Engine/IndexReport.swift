import Records

/// The state of an index as JSON, for a search worker's `/status` and for `millrace index status`.
package struct IndexReport: Sendable {
  package let json: JSONValue

  package init(_ status: IndexStatus, _ behind: IndexBehind?) {
    let segments = status.segments.map { segment -> JSONValue in
      .object([
        "name": .string(segment.name), "rows": .int(segment.rows), "live_rows": .int(segment.liveRows),
        "documents": .int(segment.documents), "removed_documents": .int(segment.removedDocuments),
        "bytes": .int(segment.bytes), "panels": .string(segment.panels),
      ])
    }
    var byPartition: [JSONMember] = []
    for (partition, state) in status.partitions.sorted(by: { $0.key < $1.key }) {
      let value = JSONValue.object([
        "next_offset": .int(Int(state.nextOffset)), "documents": .int(state.live.documents),
        "chunks": .int(state.live.chunks), "digest": .string(state.live.description),
      ])
      byPartition.append(JSONMember(name: "\(partition)", value: value))
    }
    let behindRecords = behind.map { JSONValue.int($0.records) }
    json = .object([
      "manifest": .int(status.manifest), "saved_at_ms": .int(status.savedMilliseconds),
      "documents": .int(status.documents), "rows": .int(status.rows), "head_rows": .int(status.headRows),
      "tables": .int(status.tables), "memory_bytes": .int(status.memoryBytes),
      "mapped_bytes": .int(status.mappedBytes), "written_bytes": .int(status.writtenBytes),
      "sealed_bytes": .int(status.sealedBytes), "digest": .string(status.live.description),
      "behind_records": behindRecords, "segments": .array(segments), "partitions": .object(byPartition),
    ])
  }
}
