import Cryptography

/// Kafka's record batch, format 2.
///
/// Layout (big-endian): base offset i64, length i32, leader epoch i32, magic i8, crc u32 (CRC-32C of all
/// bytes after it), attributes i16, last offset delta i32, base timestamp i64, max timestamp i64, producer id
/// i64, producer epoch i16, base sequence i32, record count i32, records.
struct RecordBatch {
  static let headerBytes = 61
  private static let recordsMax = 1_000_000
  private(set) var bytes: [UInt8]

  var lastOffsetDelta: Int32 { Int32(truncatingIfNeeded: integer(23, 4)) }
  var maxTimestamp: Int64 { Int64(bitPattern: integer(35, 8)) }
  var producerID: Int64 { Int64(bitPattern: integer(43, 8)) }
  var producerEpoch: Int16 { Int16(truncatingIfNeeded: integer(51, 2)) }
  var baseSequence: Int32 { Int32(truncatingIfNeeded: integer(53, 4)) }
  private var recordCount: Int32 { Int32(truncatingIfNeeded: integer(57, 4)) }
  private var attributes: UInt16 { UInt16(truncatingIfNeeded: integer(21, 2)) }

  /// - Throws: `BatchFault` with the error code that Kafka returns.
  init(_ bytes: [UInt8], isCompacted: Bool) throws(BatchFault) {
    self.bytes = bytes
    guard bytes.count >= Self.headerBytes else {
      throw BatchFault(code: .corruptMessage, rule: "shorter than a header")
    }
    guard bytes[16] == 2 else { throw BatchFault(code: .invalidRecord, rule: "magic is not 2") }
    guard integer(8, 4) == UInt64(bytes.count - 12) else {
      throw BatchFault(code: .corruptMessage, rule: "the length is not that of one batch")
    }
    guard UInt32(truncatingIfNeeded: integer(17, 4)) == Checksum.crc32c(bytes[21...]) else {
      throw BatchFault(code: .corruptMessage, rule: "the checksum differs")
    }
    guard recordCount > 0, lastOffsetDelta == recordCount - 1 else {
      throw BatchFault(code: .invalidRecord, rule: "the record count and the last offset differ")
    }
    guard attributes & 0x30 == 0 else {
      throw BatchFault(code: .invalidRecord, rule: "transactional and control batches are not supported")
    }
    try checkRecords(isCompacted: isCompacted)
  }

  /// Reads a stored batch, which was checked when it was appended.
  init(stored bytes: [UInt8]) { self.bytes = bytes }

  var baseOffset: Int64 { Int64(bitPattern: integer(0, 8)) }
  private var codec: Codec? { Codec(rawValue: attributes & 7) }

  /// Sets the base offset. With `appendTime`, also sets the broker's time as the timestamp.
  mutating func stamp(baseOffset: Int64, appendTime: Int64?) {
    set(0, 8, UInt64(bitPattern: baseOffset))
    set(12, 4, 0)
    guard let appendTime else { return }
    set(21, 2, UInt64(attributes | 0x08))
    set(35, 8, UInt64(bitPattern: appendTime))
    set(17, 4, UInt64(Checksum.crc32c(bytes[21...])))
  }

  private func integer(_ offset: Int, _ count: Int) -> UInt64 {
    bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
  }

  private mutating func set(_ offset: Int, _ count: Int, _ value: UInt64) {
    for index in 0..<count {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64((count - 1 - index) * 8))
    }
  }

  /// The parts of a record that compaction needs.
  struct Record {
    var offset: Int64
    /// Nil when the record has no key.
    var key: ArraySlice<UInt8>?
    var isTombstone: Bool
    /// Begins with the length of the record.
    var bytes: ArraySlice<UInt8>
  }

  /// Each record must lie inside the batch, at its own offset, and must have a key if the topic is compacted.
  ///
  /// Compressed records are unpacked for this check: a batch that can't be unpacked would stop every consumer
  /// of its partition, and one record more than the header states would make librdkafka skip records of other
  /// batches. There is no codec for snappy: a snappy batch is accepted unchecked, but not on a compacted
  /// topic, because compaction needs the keys.
  private func checkRecords(isCompacted: Bool) throws(BatchFault) {
    guard let codec else {
      throw BatchFault(code: .unsupportedCompressionType, rule: "the codec is unknown")
    }
    if codec == .snappy {
      guard isCompacted else { return }
      throw BatchFault(
        code: .unsupportedCompressionType,
        rule: "snappy is not supported on a compacted topic: use zstd, lz4 or gzip")
    }
    let records = try records()
    // Check this for new batches only: compaction leaves gaps in stored ones.
    guard zip(records, Int64(0)...).allSatisfy({ $0.offset == baseOffset &+ $1 }) else {
      throw BatchFault(code: .invalidRecord, rule: "the records' offsets are not 0, 1, 2 and so on")
    }
    if isCompacted, records.contains(where: { $0.key == nil }) {
      throw BatchFault(code: .invalidRecord, rule: "a compacted topic takes no record without a key")
    }
  }

  /// - Throws: `BatchFault` when the records can't be read.
  func records() throws(BatchFault) -> [Record] {
    guard bytes.count >= Self.headerBytes, recordCount >= 0, lastOffsetDelta >= 0 else {
      throw BatchFault(code: .corruptMessage, rule: "the stored batch is damaged")
    }
    guard let codec, let payload = codec.decompressed(bytes[Self.headerBytes...]) else {
      throw BatchFault(code: .corruptMessage, rule: "the records can't be unpacked")
    }
    var position = 0
    func varint() -> Int64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 70, by: 7) {
        guard position < payload.count else { return nil }
        let byte = payload[position]
        position += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
      }
      return nil
    }
    /// The bytes of a field after its length; nil when the length is -1.
    func field(_ end: Int) throws(BatchFault) -> ArraySlice<UInt8>? {
      guard let length = varint(), length >= -1, length <= Int64(end - position), position <= end else {
        throw BatchFault(code: .invalidRecord, rule: "a record's field is cut off")
      }
      guard length >= 0 else { return nil }
      defer { position += Int(length) }
      return payload[position..<position + Int(length)]
    }
    // The smallest record has seven bytes, with its length. A larger count is false and would only cost
    // memory.
    guard Int(recordCount) <= min(Self.recordsMax, payload.count / 7) else {
      throw BatchFault(
        code: .invalidRecord, rule: "more records than its bytes can hold, or than \(Self.recordsMax)")
    }
    var records: [Record] = []
    for _ in 0..<recordCount {
      let start = position
      guard let length = varint(), length > 0, length <= Int64(payload.count - position) else {
        throw BatchFault(code: .invalidRecord, rule: "a record beyond its batch")
      }
      let end = position + Int(length)
      position += 1
      guard varint() != nil, let delta = varint(), (0...Int64(lastOffsetDelta)).contains(delta) else {
        throw BatchFault(
          code: .invalidRecord, rule: "a record's header is cut off, or its offset is outside its batch")
      }
      let key = try field(end)
      let value = try field(end)
      guard position <= end else {
        throw BatchFault(code: .invalidRecord, rule: "a record's fields are longer than the record")
      }
      position = end
      records.append(
        Record(
          offset: baseOffset &+ delta, key: key, isTombstone: value == nil, bytes: payload[start..<end]))
    }
    guard position == payload.count else {
      throw BatchFault(code: .invalidRecord, rule: "bytes after the records")
    }
    return records
  }

  /// The same batch with only the given records, not compressed. Offsets, timestamps and producer stay.
  func keeping(_ records: [Record]) -> RecordBatch {
    var batch = RecordBatch(stored: Array(bytes[..<Self.headerBytes]) + records.flatMap(\.bytes))
    batch.set(8, 4, UInt64(batch.bytes.count - 12))
    batch.set(21, 2, UInt64(attributes & ~7))
    batch.set(57, 4, UInt64(records.count))
    batch.set(17, 4, UInt64(Checksum.crc32c(batch.bytes[21...])))
    return batch
  }
}
