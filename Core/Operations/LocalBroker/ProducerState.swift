/// The last batches of an idempotent producer in one partition. They are written in the batch's own
/// transaction, so that a retry after a crash of the broker is recognised as a duplicate.
///
/// Stored as `epoch;first,last,base;…`, newest last.
struct ProducerState: Sendable {
  private static let batchesMax = 5
  private var epoch: Int16 = -1
  private var batches: [(first: Int32, last: Int32, base: Int64)] = []

  enum Verdict {
    case admitted
    case duplicate(base: Int64)
    case refused(ErrorCode)
  }

  init() {}

  init(text: String) {
    let parts = text.split(separator: ";")
    epoch = parts.first.flatMap { Int16($0) } ?? -1
    for part in parts.dropFirst() {
      let numbers = part.split(separator: ",").compactMap { Int64($0) }
      if numbers.count == 3, let first = Int32(exactly: numbers[0]), let last = Int32(exactly: numbers[1]) {
        batches.append((first, last, numbers[2]))
      }
    }
  }

  var text: String {
    ([String(epoch)] + batches.map { "\($0.first),\($0.last),\($0.base)" }).joined(separator: ";")
  }

  private static func lastSequence(_ batch: RecordBatch) -> Int32 {
    // Sequences wrap from 2^31 - 1 to 0.
    Int32(truncatingIfNeeded: (Int64(batch.baseSequence) + Int64(batch.lastOffsetDelta)) & 0x7FFF_FFFF)
  }

  mutating func admit(_ batch: RecordBatch) -> Verdict {
    guard batch.baseSequence >= 0 else { return .refused(.invalidRecord) }
    if batch.producerEpoch < epoch { return .refused(.invalidProducerEpoch) }
    guard batch.producerEpoch == epoch, let newest = batches.last else {
      // A producer begins at sequence 0 in each of its epochs. If an unknown producer begins with another sequence, its
      // first batch was lost, it comes from another store, or it knew the topic before the topic was deleted. If its
      // batch were admitted, a retry of its first batch would be taken for a duplicate and acknowledged, although that
      // batch was never appended.
      return batch.baseSequence == 0 ? .admitted : .refused(.outOfOrderSequenceNumber)
    }
    let last = Self.lastSequence(batch)
    if let same = batches.first(where: { $0.first == batch.baseSequence && $0.last == last }) {
      return .duplicate(base: same.base)
    }
    let expected = newest.last == Int32.max ? 0 : newest.last + 1
    if batch.baseSequence == expected { return .admitted }
    return .refused(batch.baseSequence < expected ? .duplicateSequenceNumber : .outOfOrderSequenceNumber)
  }

  mutating func record(_ batch: RecordBatch, base: Int64) {
    if batch.producerEpoch != epoch {
      epoch = batch.producerEpoch
      batches = []
    }
    batches.append((batch.baseSequence, Self.lastSequence(batch), base))
    if batches.count > Self.batchesMax { batches.removeFirst() }
  }
}
