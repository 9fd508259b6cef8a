import Catalog
import Records
import Segments
import Storage

extension ByteWriter {
  mutating func partition(_ state: PartitionState) {
    int(state.nextOffset)
    int(state.coveredMilliseconds)
    count(state.beacons.count)
    for beacon in state.beacons {
      int(beacon.offset)
      int(beacon.timestampMilliseconds)
    }
    // Both are negative if a document's records were written to two partitions.
    int(Int64(state.live.documents))
    int(Int64(state.live.chunks))
    uint64(state.live.sum)
    int(state.reportedTo)
    count(state.decisions.count)
    for (offset, decision) in state.decisions.sorted(by: { $0.key < $1.key }) {
      int(offset)
      version(decision.version)
      switch decision.outcome {
      case .superseded: count(0)
      case .deleted: count(1)
      case .visible(let chunks):
        count(2)
        count(Int(chunks))
      case .failed(nil): count(3)
      case .failed(let error?):
        count(4)
        for text in [error.code, error.field, error.message] { string(text) }
      }
    }
  }
}

extension ByteReader {
  /// Reads a number up to 2⁵³ that is not a count of things in the file.
  mutating func number() throws(StorageError) -> Int {
    guard let number = Int(exactly: try varint()), number <= 1 << 53 else {
      throw corrupt("a number too large")
    }
    return number
  }

  private mutating func signed() throws(StorageError) -> Int {
    let number = try int()
    guard (-(1 << 53)...1 << 53).contains(number) else { throw corrupt("a number too large") }
    return Int(number)
  }

  mutating func partition() throws(StorageError) -> PartitionState {
    var state = PartitionState()
    state.nextOffset = Int64(try signed())
    state.coveredMilliseconds = Int64(try signed())
    var beacons: [PartitionState.Beacon] = []
    for _ in 0..<(try count()) {
      beacons.append(.init(offset: try int(), timestampMilliseconds: try int()))
    }
    state.restore(beacons)
    state.live = LiveDigest(documents: try signed(), chunks: try signed(), sum: try uint64())
    state.reportedTo = try int()
    for _ in 0..<(try count()) {
      let offset = try int()
      let version = try version()
      let outcome: DocumentCatalog.Decision.Outcome
      switch try number() {
      case 0: outcome = .superseded
      case 1: outcome = .deleted
      case 2: outcome = .visible(chunkCount: try small())
      case 3: outcome = .failed(nil)
      case 4:
        outcome = .failed(
          RecordError(rawCode: try string(), field: try string(), message: try string()))
      default: throw corrupt("an unknown outcome")
      }
      state.decisions[offset] = DocumentCatalog.Decision(version: version, outcome: outcome)
    }
    return state
  }
}
