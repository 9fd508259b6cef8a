import KafkaClient
import Records

/// The partitions of one stage: what waits, what is in work, what may be taken next. A value without I/O.
///
/// Polled records wait here rather than in librdkafka: at a pause, librdkafka discards the records that it has fetched,
/// and fetching them again after the resume takes 0.7 s.
struct Lanes {
  /// A record that was taken for work, with its state at that moment.
  struct Taken {
    var record: ConsumerRecord
    var incarnation: Int
    var attempt: Int
    /// Whether it is the first record after the partition's log restarted.
    var isAfterRestart = false
  }

  private struct Waiting {
    var record: ConsumerRecord
    var attempt = 0
    var due: ContinuousClock.Instant?
    var isAfterRestart = false
  }

  private struct Lane {
    var progress: PartitionProgress
    var isMine = true
    /// Records that wait to be begun, oldest first. `first` is the index of the next one.
    var queue: [Waiting] = []
    var first = 0
    var queuedBytes = 0
    /// Records that were put back, and wait to be begun again.
    var retries: [Waiting] = []
    var inWorkCount = 0
    var sendingCount = 0

    var count: Int { queue.count - first }

    /// Complexity: amortised O(1).
    mutating func removeFirst() {
      queuedBytes -= queue[first].record.byteCount
      first += 1
      // Records that were taken must not stay in memory until the queue is empty.
      if first * 2 >= queue.count {
        queue.removeFirst(first)
        first = 0
      }
    }
  }

  /// Records and bytes that may wait in all partitions together.
  static let queuedMax = 2048
  static let queuedBytesMax = 32 << 20
  /// Records of one partition that may wait for their acknowledgement: a partition of the output that can't be
  /// written to must not take all the memory.
  private static let sendingMax = 256

  /// After so many failed attempts a record is worked on without others.
  private static let togetherMax = 2

  /// An estimate of how many batches begin between two commits, which are about 20 ms apart. If more begin, a record
  /// that kills processes is only found one death later.
  private static let batchesPerCommit = 8

  private let shape: StageShape
  private let deathsMax: Int
  private var lanes: [TopicPartition: Lane] = [:]
  /// The partitions in the order in which they are served.
  private var order: [TopicPartition] = []
  private var nextLane = 0
  /// The record beside which nothing else may be in work.
  private var alone: RecordPosition?
  /// Rises whenever partitions are assigned or revoked.
  private(set) var generation = 0
  private(set) var isPolling = false
  private(set) var inWorkCount = 0
  private(set) var sendingCount = 0
  private var queuedCount = 0
  private var queuedBytes = 0
  private var mineCount = 0

  init(_ shape: StageShape, deathsMax: Int) {
    self.shape = shape
    self.deathsMax = deathsMax
  }

  /// Records that are in work or wait for their acknowledgement.
  var inFlightCount: Int { inWorkCount + sendingCount }
  var isIdle: Bool { inFlightCount == 0 && queuedCount == 0 && lanes.values.allSatisfy(\.retries.isEmpty) }
  var mine: Set<TopicPartition> { Set(lanes.filter(\.value.isMine).keys) }

  func isFed(_ partition: TopicPartition, since generation: Int) -> Bool {
    isPolling && generation == self.generation && lanes[partition]?.isMine == true
  }

  mutating func begin() {
    generation += 1
    isPolling = true
  }

  mutating func end() { isPolling = false }

  mutating func revoke(_ partitions: [TopicPartition]) {
    generation += 1
    for partition in partitions {
      guard lanes[partition] != nil else { continue }
      lanes[partition]?.isMine = false
      dropWaiting(partition)
    }
    mineCount = lanes.values.count(where: \.isMine)
  }

  private mutating func dropWaiting(_ partition: TopicPartition) {
    guard var lane = lanes[partition] else { return }
    for waiting in lane.queue[lane.first...] { lane.progress.leave(waiting.record.position.offset) }
    for waiting in lane.retries { lane.progress.leave(waiting.record.position.offset) }
    lanes[partition] = lane
    forgetWaiting(partition)
  }

  private mutating func forgetWaiting(_ partition: TopicPartition) {
    guard var lane = lanes[partition] else { return }
    queuedCount -= lane.count
    queuedBytes -= lane.queuedBytes
    (lane.queue, lane.first, lane.queuedBytes, lane.retries) = ([], 0, 0, [])
    lanes[partition] = lane
  }

  /// Takes over partitions. The progress of a partition with records in flight is kept, unless another member has
  /// committed a higher offset: committing the own progress would then set the group back.
  ///
  /// - Parameter ends: the ends of partitions whose former owner died; others may be absent.
  mutating func assign(_ committed: [TopicPartition: CommittedOffset], ends: [TopicPartition: Int64]) {
    generation += 1
    for (partition, lane) in lanes
    where lane.inWorkCount + lane.sendingCount == 0 && committed[partition] == nil {
      lanes[partition] = nil
    }
    for (partition, offset) in committed {
      dropWaiting(partition)
      if var lane = lanes[partition], lane.inWorkCount + lane.sendingCount > 0,
        lane.progress.nextOffset >= offset.nextOffset
      {
        lane.progress.resume(at: offset.nextOffset)
        lane.isMine = true
        lanes[partition] = lane
        continue
      }
      let old = lanes[partition]
      var lane = Lane(
        progress: PartitionProgress(
          offset, logEnd: ends[partition] ?? .max, inWorkMax: shape.inWorkMax * Self.batchesPerCommit,
          deathsMax: deathsMax))
      // Records that are still in flight from an earlier assignment are counted in the new lane until they end.
      lane.inWorkCount = old?.inWorkCount ?? 0
      lane.sendingCount = old?.sendingCount ?? 0
      if let old { lane.progress.follow(old.progress) }
      lanes[partition] = lane
    }
    order = lanes.keys.sorted()
    mineCount = lanes.values.count(where: \.isMine)
    nextLane = 0
  }

  /// Begins a partition at another offset than its commit.
  mutating func start(_ partition: TopicPartition, at offset: Int64) {
    lanes[partition]?.progress.start(at: offset)
  }

  mutating func setNote(_ note: Int64?, of partition: TopicPartition) {
    if lanes[partition]?.progress.note != note { lanes[partition]?.progress.note = note }
  }

  /// - Returns: the records that are new.
  mutating func poll(_ records: [ConsumerRecord]) -> [ConsumerRecord] {
    records.filter { record in
      let partition = record.topicPartition
      let incarnation = lanes[partition]?.progress.incarnation
      guard lanes[partition]?.isMine == true, lanes[partition]?.progress.poll(record.position.offset) == true
      else { return false }
      let isAfterRestart = lanes[partition]?.progress.incarnation != incarnation
      // Waiting records belong to the old log.
      if isAfterRestart { forgetWaiting(partition) }
      lanes[partition]?.queue.append(Waiting(record: record, isAfterRestart: isAfterRestart))
      lanes[partition]?.queuedBytes += record.byteCount
      queuedCount += 1
      queuedBytes += record.byteCount
      return true
    }
  }

  /// The records of the next call of the work; empty when nothing may be begun.
  mutating func take(
    now: ContinuousClock.Instant, batchMax: Int, isHeld: (TopicPartition) -> Bool
  ) -> [Taken] {
    guard alone == nil, inWorkCount < shape.inWorkMax else { return [] }
    if let alone = partitionOfSuspect(now, isHeld) {
      // Other records wait until no suspect is left.
      guard inWorkCount == 0, let taken = pop(alone, now) else { return [] }
      self.alone = taken.record.position
      lanes[alone]?.progress.beginAlone(taken.record.position.offset)
      count(taken)
      return [taken]
    }
    // Such a stage runs one call at a time, so that each batch gets as many records as possible.
    if shape.batchMax == shape.inWorkMax, inWorkCount > 0 { return [] }
    let room = min(batchMax, shape.batchMax, shape.inWorkMax - inWorkCount)
    var batch: [Taken] = []
    var emptyCount = 0
    let open = order.filter { partition in
      guard let lane = lanes[partition], lane.isMine, !isHeld(partition) else { return false }
      return isOpen(lane)
    }
    guard !open.isEmpty else { return [] }
    var index = nextLane % open.count
    while batch.count < room, emptyCount < open.count {
      let partition = open[index % open.count]
      // Records that failed together are repeated one by one, to find the one that causes the failure.
      if batch.count > 0, mustGoAlone(partition, now) { break }
      if let taken = pop(partition, now) {
        batch.append(taken)
        emptyCount = 0
        if shape.mixesPartitions { index += 1 }
        if taken.attempt >= Self.togetherMax { break }
      } else if !shape.mixesPartitions, !batch.isEmpty {
        break
      } else {
        index += 1
        emptyCount += 1
      }
    }
    nextLane = index % max(1, open.count) + (shape.mixesPartitions ? 0 : 1)
    for taken in batch {
      lanes[taken.record.topicPartition]?.progress.begin(taken.record.position.offset)
      count(taken)
    }
    return batch
  }

  private func mustGoAlone(_ partition: TopicPartition, _ now: ContinuousClock.Instant) -> Bool {
    lanes[partition].flatMap { next($0, now) }.map { $0.attempt >= Self.togetherMax } ?? false
  }

  private mutating func count(_ taken: Taken) {
    inWorkCount += 1
    lanes[taken.record.topicPartition]?.inWorkCount += 1
  }

  /// Whether further records of the partition may be begun: a partition whose outputs can't be written must not take
  /// all places. In an ordered stage, no record is begun while others of its partition are in flight.
  private func isOpen(_ lane: Lane) -> Bool {
    if shape.isOrdered { return lane.inWorkCount + lane.sendingCount == 0 }
    let share = max(1, shape.inWorkMax / max(1, min(4, mineCount)))
    return lane.sendingCount < Self.sendingMax && (shape.batchMax > 1 || lane.inWorkCount < share)
  }

  /// A partition of this member whose next record must be worked on alone.
  private func partitionOfSuspect(_ now: ContinuousClock.Instant, _ isHeld: (TopicPartition) -> Bool)
    -> TopicPartition?
  {
    order.first { partition in
      guard let lane = lanes[partition], lane.isMine, !isHeld(partition), isOpen(lane),
        let next = next(lane, now)?.record
      else { return false }
      // A record to be rejected is also taken alone: its rejection must not share a batch with a record that kills.
      return lane.progress.treatment(of: next.position.offset, deathsMax: deathsMax) != .usual
    }
  }

  private func next(_ lane: Lane, _ now: ContinuousClock.Instant) -> Waiting? {
    if shape.isOrdered { return nextInOrder(lane, now) }
    if let retry = lane.retries.first {
      if retry.due.map({ $0 <= now }) ?? true { return retry }
    }
    return lane.count > 0 ? lane.queue[lane.first] : nil
  }

  /// The record with the lowest offset, when it is due. A record that was left may be polled again after later records
  /// were put back: the later records wait for it.
  private func nextInOrder(_ lane: Lane, _ now: ContinuousClock.Instant) -> Waiting? {
    let heads = [lane.retries.first, lane.count > 0 ? lane.queue[lane.first] : nil].compactMap { $0 }
    guard let first = heads.min(by: { $0.record.position.offset < $1.record.position.offset }),
      lane.progress.lowestLeft.map({ $0 > first.record.position.offset }) ?? true,
      first.due.map({ $0 <= now }) ?? true
    else { return nil }
    return first
  }

  private mutating func pop(_ partition: TopicPartition, _ now: ContinuousClock.Instant) -> Taken? {
    guard let lane = lanes[partition], let waiting = next(lane, now) else { return nil }
    let incarnation = lane.progress.incarnation
    // In place: changing a copy of the lane would copy its queue for each record.
    if lane.retries.first?.record.position == waiting.record.position {
      lanes[partition]?.retries.removeFirst()
    } else {
      lanes[partition]?.removeFirst()
      queuedCount -= 1
      queuedBytes -= waiting.record.byteCount
    }
    return Taken(
      record: waiting.record, incarnation: incarnation, attempt: waiting.attempt,
      isAfterRestart: waiting.isAfterRestart)
  }

  /// Whether the record has killed processes and must be rejected without work.
  func mustReject(_ position: RecordPosition) -> Bool {
    lanes[position.topicPartition]?.progress.treatment(of: position.offset, deathsMax: deathsMax) == .rejected
  }

  func isWatched(_ position: RecordPosition) -> Bool {
    lanes[position.topicPartition]?.progress.isWatched(position.offset) ?? false
  }

  func isAlone(_ position: RecordPosition) -> Bool {
    lanes[position.topicPartition]?.progress.treatment(of: position.offset, deathsMax: deathsMax) == .alone
  }

  /// Whether the record's partition is this member's and the record has not been finished by another one.
  func isMine(_ taken: Taken) -> Bool {
    guard isPolling, let lane = lanes[taken.record.topicPartition], lane.isMine else { return false }
    return lane.progress.incarnation == taken.incarnation
      && lane.progress.isHeld(taken.record.position.offset)
  }

  /// The work on a record has ended, and its outputs are being sent.
  mutating func send(_ taken: Taken) {
    let partition = taken.record.topicPartition
    inWorkCount -= 1
    sendingCount += 1
    lanes[partition]?.inWorkCount -= 1
    lanes[partition]?.sendingCount += 1
  }

  /// If the record was in work alone, lets other records be begun again. Called when the record is finished, left or
  /// put back, or when its outputs can't be sent at the moment.
  mutating func endAlone(_ position: RecordPosition) {
    guard alone == position else { return }
    alone = nil
    lanes[position.topicPartition]?.progress.endAlone(position.offset)
  }

  /// The record no longer waits for acknowledgements: it is finished, left or put back.
  private mutating func sent(_ partition: TopicPartition) {
    sendingCount -= 1
    lanes[partition]?.sendingCount -= 1
  }

  mutating func finish(_ taken: Taken, together: [RecordPosition]) {
    let partition = taken.record.topicPartition
    endAlone(taken.record.position)
    for position in together {
      lanes[position.topicPartition]?.progress.finish(position.offset, incarnation: taken.incarnation)
    }
    lanes[partition]?.progress.finish(taken.record.position.offset, incarnation: taken.incarnation)
    sent(partition)
  }

  mutating func leave(_ taken: Taken) {
    let partition = taken.record.topicPartition
    endAlone(taken.record.position)
    // If the log restarted or another owner came further, the offset may belong to another record.
    if lanes[partition]?.progress.incarnation == taken.incarnation {
      lanes[partition]?.progress.leave(taken.record.position.offset)
    }
    sent(partition)
  }

  /// Puts a record back: it is begun again when it is due.
  ///
  /// - Returns: false when the record is left instead: its partition is no longer this member's, or its log restarted.
  mutating func retry(_ taken: Taken, at due: ContinuousClock.Instant?, isAttempt: Bool) -> Bool {
    let partition = taken.record.topicPartition
    endAlone(taken.record.position)
    defer { sent(partition) }
    guard let lane = lanes[partition], lane.progress.incarnation == taken.incarnation else { return false }
    guard lane.isMine, lane.progress.isHeld(taken.record.position.offset) else {
      lanes[partition]?.progress.leave(taken.record.position.offset)
      return false
    }
    let waiting = Waiting(
      record: taken.record, attempt: taken.attempt + (isAttempt ? 1 : 0), due: due,
      isAfterRestart: taken.isAfterRestart)
    // Sorted by offset in an ordered stage, by due time in others.
    let index =
      lane.retries.firstIndex {
        shape.isOrdered
          ? $0.record.position.offset > waiting.record.position.offset
          : ($0.due ?? .now) > (due ?? .now)
      } ?? lane.retries.count
    lanes[partition]?.retries.insert(waiting, at: index)
    return true
  }

  /// The partitions to pause and to resume. Paused are full partitions and, while too many records wait in all, the
  /// partitions with a large share of them.
  func flow(ignores: (TopicPartition) -> Bool) -> (pause: Set<TopicPartition>, resume: Set<TopicPartition>) {
    let mine = lanes.filter { $0.value.isMine && !ignores($0.key) }
    guard !mine.isEmpty else { return ([], []) }
    let isFull = queuedCount >= Self.queuedMax || queuedBytes >= Self.queuedBytesMax
    let share = Self.queuedMax / mine.count
    let bytesShare = Self.queuedBytesMax / mine.count
    var pause: Set<TopicPartition> = []
    var resume: Set<TopicPartition> = []
    for (partition, lane) in mine {
      let hasMuch = lane.count >= max(1, share / 2) || lane.queuedBytes >= bytesShare / 2
      if lane.progress.isFull || (isFull && hasMuch) {
        pause.insert(partition)
      } else if lane.count <= share / 4 && lane.queuedBytes <= bytesShare / 4 {
        resume.insert(partition)
      }
    }
    return (pause, resume)
  }

  /// The offset to commit for each of this member's partitions, with the revision of its progress.
  func commits(isHandedOver: Bool, of partitions: [TopicPartition]? = nil) -> [TopicPartition: (
    offset: CommittedOffset, revision: Int
  )] {
    var result: [TopicPartition: (offset: CommittedOffset, revision: Int)] = [:]
    for (partition, lane) in lanes where lane.isMine && partitions?.contains(partition) != false {
      result[partition] = (lane.progress.committed(isHandedOver: isHandedOver), lane.progress.revision)
    }
    return result
  }

  var revisions: [TopicPartition: Int] {
    lanes.filter(\.value.isMine).mapValues(\.progress.revision)
  }
}

extension ConsumerRecord {
  /// Roughly what the record takes in memory.
  var byteCount: Int {
    (key?.count ?? 0) + (value?.count ?? 0) + headers.reduce(0) { $0 + $1.value.count + 64 }
  }
}

extension RecordPosition {
  var topicPartition: TopicPartition { TopicPartition(topic, partition) }
}
