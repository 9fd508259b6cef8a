import Dispatch
import Foundation
import Synchronization

/// Topics, batches, producers' sequences and groups' offsets in one SQLite file (WAL).
///
/// Writes are grouped: the first writer becomes the leader and commits all waiting writes in one transaction,
/// and the other writers sleep until the commit. Readers take committed batches from the tail in memory or
/// from a pool of connections. No read transaction stays open while a client waits.
final class Store: Sendable {
  /// How many bytes of a partition's newest batches stay in memory, so that a consumer without lag reads no
  /// file.
  private static let tailBytesMax = 262_144
  private static let turnsForOthersMax = 8

  final class Partition {
    let id: Int64
    /// The topic with its present settings, which may be changed while the partition is in use.
    private let currentTopic: Mutex<Topic>
    var topic: Topic { currentTopic.withLock { $0 } }
    let number: Int32
    /// The next offset to be written. Inside a transaction it is ahead of `highWatermark`.
    var writeOffset: Int64
    var lastTimestamp: Int64
    var producers: [Int64: ProducerState] = [:]
    /// The state that readers see, changed after each commit.
    let readable: Mutex<Readable>

    struct Readable {
      var highWatermark: Int64
      var logStart: Int64
      var tail: [(base: Int64, last: Int64, bytes: [UInt8])] = []
      var tailBytes = 0
      var isDeleted = false
      var waiters: [FetchWaiter] = []
    }

    init(id: Int64, topic: Topic, number: Int32, nextOffset: Int64, logStart: Int64, lastTimestamp: Int64) {
      self.id = id
      currentTopic = Mutex(topic)
      self.number = number
      writeOffset = nextOffset
      self.lastTimestamp = lastTimestamp
      readable = Mutex(Readable(highWatermark: nextOffset, logStart: logStart))
    }

    var highWatermark: Int64 { readable.withLock { $0.highWatermark } }
    var logStart: Int64 { readable.withLock { $0.logStart } }
    var isDeleted: Bool { readable.withLock { $0.isDeleted } }

    func setTopic(_ topic: Topic) { currentTopic.withLock { $0 = topic } }
    func addWaiter(_ waiter: FetchWaiter) { readable.withLock { $0.waiters.append(waiter) } }
    func removeWaiter(_ waiter: FetchWaiter) { readable.withLock { $0.waiters.removeAll { $0 === waiter } } }

    /// Drops the batches below an offset from memory, because their rows were changed or deleted.
    func forgetTail(below offset: Int64) {
      readable.withLock { readable in
        while let first = readable.tail.first, first.base < offset {
          readable.tailBytes -= first.bytes.count
          readable.tail.removeFirst()
        }
      }
    }

    func setLogStart(_ offset: Int64) { readable.withLock { $0.logStart = max($0.logStart, offset) } }

    func wakeWaiters() {
      for waiter in readable.withLock({ $0.waiters }) { waiter.signal() }
    }
  }

  private let writer: Database
  private let path: String
  private let readers = Mutex<[Database]>([])
  private let topicTable = Mutex<[String: (topic: Topic, partitions: [Partition])]>([:])
  private let queue = Mutex<(waiting: [WriteJob], hasLeader: Bool)>(([], false))
  private let checkpointer = Mutex<Database?>(nil)
  /// How many transactions have begun, and how many of them had begun when the last commit returned.
  private let commits = Mutex((begun: 0, returned: 0))
  /// The value of `commits.begun` just after the last checkpoint, if that checkpoint copied the whole WAL; otherwise
  /// nil. The next checkpoint waits until a later transaction has committed.
  private let copied = Mutex<Int?>(nil)
  let clusterID: String

  /// - Parameter synchronous: SQLite's setting: `NORMAL` survives kill -9, `FULL` also a power loss.
  init(path: String, synchronous: String) throws(StorageError) {
    self.path = path
    writer = try Database(path: path, synchronous: synchronous, readOnly: false)
    for statement in Self.schema { try writer.execute(statement) }
    var stored: String?
    try writer.run("SELECT value FROM facts WHERE name='cluster_id'") { stored = $0.text(0) }
    if let stored {
      clusterID = stored
    } else {
      clusterID = "millrace-" + UUID().uuidString.lowercased()
      try writer.run("INSERT INTO facts(name,value) VALUES('cluster_id',?)", [.text(clusterID)])
    }
    try load()
  }

  /// Copies committed pages from the WAL into the database file without blocking writers or readers.
  ///
  /// After a checkpoint has copied the whole WAL, the next commit writes the WAL from its beginning. In SQLite before
  /// 3.51.3, a checkpoint that begins at that moment can lose pages ("WAL-reset bug"). So the next checkpoint waits
  /// until a transaction has begun and committed after the last one.
  func checkpoint() throws(StorageError) {
    if let copied = copied.withLock({ $0 }), commits.withLock({ $0.returned }) <= copied { return }
    let database: Database
    if let existing = checkpointer.withLock({ $0 }) {
      database = existing
    } else {
      database = try Database(path: path, synchronous: "NORMAL", readOnly: false)
      checkpointer.withLock { $0 = database }
    }
    var isWhole = false
    try database.run("PRAGMA wal_checkpoint(PASSIVE)") { isWhole = $0.int(1) == $0.int(2) }
    let begun = commits.withLock { $0.begun }
    copied.withLock { $0 = isWhole ? begun : nil }
  }

  private static let schema = [
    "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """
    CREATE TABLE IF NOT EXISTS topics(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE NOT NULL,
      partition_count INTEGER NOT NULL, settings TEXT NOT NULL)
    """,
    """
    CREATE TABLE IF NOT EXISTS partitions(id INTEGER PRIMARY KEY AUTOINCREMENT, topic_id INTEGER NOT NULL,
      number INTEGER NOT NULL, log_start INTEGER NOT NULL)
    """,
    """
    CREATE TABLE IF NOT EXISTS batches(id INTEGER PRIMARY KEY, partition_id INTEGER NOT NULL,
      base_offset INTEGER NOT NULL, last_offset INTEGER NOT NULL, max_timestamp INTEGER NOT NULL,
      bytes BLOB NOT NULL)
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS batches_by_offset ON batches(partition_id, base_offset)",
    """
    CREATE TABLE IF NOT EXISTS producers(partition_id INTEGER NOT NULL, producer_id INTEGER NOT NULL,
      state TEXT NOT NULL, PRIMARY KEY(partition_id, producer_id)) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS offsets(group_id TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL,
      next_offset INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, metadata TEXT NOT NULL,
      PRIMARY KEY(group_id, topic, number)) WITHOUT ROWID
    """,
    // Separate tables, so that the store of an older release opens without a migration.
    """
    CREATE TABLE IF NOT EXISTS compactions(partition_id INTEGER PRIMARY KEY, clean_end INTEGER NOT NULL)
    """,
    """
    CREATE TABLE IF NOT EXISTS horizons(partition_id INTEGER NOT NULL, base_offset INTEGER NOT NULL,
      horizon INTEGER NOT NULL, PRIMARY KEY(partition_id, base_offset)) WITHOUT ROWID
    """,
  ]

  private func load() throws(StorageError) {
    var topics: [Topic] = []
    try writer.run("SELECT id,name,partition_count,settings FROM topics") { row in
      topics.append(
        Topic(
          id: row.int(0), name: row.text(1), partitionCount: Int32(clamping: max(0, row.int(2))),
          settings: SettingsText.decode(row.text(3))))
    }
    for topic in topics {
      var partitions: [Partition] = []
      try writer.run(
        """
        SELECT id,number,log_start,
          (SELECT min(last_offset,1152921504606846976)+1 FROM batches
            WHERE partition_id=p.id ORDER BY base_offset DESC LIMIT 1),
          (SELECT max_timestamp FROM batches WHERE partition_id=p.id ORDER BY base_offset DESC LIMIT 1)
          FROM partitions p WHERE topic_id=? ORDER BY number
        """, [.int(topic.id)]
      ) { row in
        partitions.append(
          Partition(
            id: row.int(0), topic: topic, number: Int32(clamping: row.int(1)),
            nextOffset: max(row.int(2), row.int(3)),
            logStart: row.int(2), lastTimestamp: row.int(4)))
      }
      for partition in partitions {
        try writer.run("SELECT producer_id,state FROM producers WHERE partition_id=?", [.int(partition.id)]) {
          partition.producers[$0.int(0)] = ProducerState(text: $0.text(1))
        }
      }
      topicTable.withLock { $0[topic.name] = (topic, partitions) }
    }
  }

  func topics() -> [Topic] { topicTable.withLock { $0.values.map(\.topic).sorted { $0.name < $1.name } } }
  func topic(_ name: String) -> Topic? { topicTable.withLock { $0[name]?.topic } }

  /// The partitions of all topics, for the cleaner.
  var allPartitions: [Partition] { topicTable.withLock { $0.values.flatMap(\.partitions) } }

  func partition(_ topic: String, _ number: Int32) -> Partition? {
    topicTable.withLock { table in
      guard let partitions = table[topic]?.partitions, number >= 0, Int(number) < partitions.count else {
        return nil
      }
      return partitions[Int(number)]
    }
  }

  /// Whole batches from the one that holds `offset`, up to `bytesMax` bytes but at least one batch if there
  /// is one.
  func batches(_ partition: Partition, from offset: Int64, bytesMax: Int) throws(StorageError) -> [UInt8] {
    let (end, tail) = partition.readable.withLock { readable -> (Int64, [[UInt8]]?) in
      guard let first = readable.tail.first, first.base <= offset else {
        return (readable.highWatermark, nil)
      }
      return (readable.highWatermark, readable.tail.filter { $0.last >= offset }.map(\.bytes))
    }
    guard offset < end else { return [] }
    var result: [UInt8] = []
    if let tail {
      for bytes in tail {
        if !result.isEmpty, result.count + bytes.count > bytesMax { break }
        result += bytes
      }
      return result
    }
    var isFull = false
    var next = offset
    while !isFull, next < end {
      // Read a few rows at a time, so that each read transaction is short.
      var last: Int64?
      try reading { (database) throws(StorageError) in
        try database.run(
          """
          SELECT bytes,last_offset FROM batches WHERE partition_id=?1 AND base_offset>=
            coalesce((SELECT max(base_offset) FROM batches WHERE partition_id=?1 AND base_offset<=?2),?2)
            AND last_offset>=?2 AND base_offset<?3 ORDER BY base_offset LIMIT 16
          """, [.int(partition.id), .int(next), .int(end)]
        ) { row in
          guard !isFull else { return }
          let bytes = row.blob(0)
          if !result.isEmpty, result.count + bytes.count > bytesMax {
            isFull = true
          } else {
            result += bytes
            last = row.int(1)
          }
        }
      }
      guard let last else { break }
      next = last &+ 1
    }
    return result
  }

  /// The base offset and the max timestamp of the first batch that is not older than `timestamp`.
  func offset(_ partition: Partition, atOrAfter timestamp: Int64) throws(StorageError) -> (Int64, Int64)? {
    var found: (Int64, Int64)?
    try reading { (database) throws(StorageError) in
      try database.run(
        """
        SELECT base_offset,max_timestamp FROM batches WHERE partition_id=? AND max_timestamp>=?
          ORDER BY base_offset LIMIT 1
        """, [.int(partition.id), .int(timestamp)]
      ) { found = ($0.int(0), $0.int(1)) }
    }
    return found
  }

  func committedOffsets(group: String) throws(StorageError) -> [StoredOffset] {
    var result: [StoredOffset] = []
    try reading { (database) throws(StorageError) in
      try database.run(
        "SELECT topic,number,next_offset,leader_epoch,metadata FROM offsets WHERE group_id=?", [.text(group)]
      ) { row in
        result.append(
          StoredOffset(
            topic: row.text(0), partition: Int32(clamping: row.int(1)), nextOffset: row.int(2),
            leaderEpoch: Int32(clamping: row.int(3)), metadata: row.text(4)))
      }
    }
    return result
  }

  func reading(_ body: (Database) throws(StorageError) -> Void) throws(StorageError) {
    let database: Database
    if let idle = readers.withLock({ $0.popLast() }) {
      database = idle
    } else {
      database = try Database(path: path, synchronous: "NORMAL", readOnly: true)
    }
    defer { readers.withLock { $0.append(database) } }
    try body(database)
  }

  /// Runs `body` in a transaction that may contain other writes, then `committed` after the commit.
  ///
  /// - Throws: the error that rolled back the transaction. None of its writes took effect.
  func write(_ body: @escaping (Database) throws(StorageError) -> Void, committed: @escaping () -> Void = {})
    throws(StorageError)
  {
    let job = WriteJob(body: body, committed: committed)
    let leads = queue.withLock { queue -> Bool in
      queue.waiting.append(job)
      if queue.hasLeader { return false }
      queue.hasLeader = true
      return true
    }
    if leads {
      lead()
    } else {
      job.done.wait()
      // This thread was woken to lead: its own job is still the first in the queue, and `lead` runs it in the first
      // turn.
      if job.mustLead { lead() }
    }
    if let error = job.error { throw error }
  }

  /// Runs one turn for its own job and a few for other writers, then makes another writer the leader. Under
  /// load the queue never empties, and this connection's client waits for a response.
  private func lead() {
    for _ in 0...Self.turnsForOthersMax {
      let jobs = queue.withLock { queue -> [WriteJob] in
        defer { queue.waiting = [] }
        if queue.waiting.isEmpty { queue.hasLeader = false }
        return queue.waiting
      }
      if jobs.isEmpty { return }
      do throws(StorageError) {
        commits.withLock { $0.begun += 1 }
        try writer.run("BEGIN IMMEDIATE")
        for job in jobs { try job.body(writer) }
        try writer.run("COMMIT")
        commits.withLock { $0.returned = $0.begun }
        for job in jobs { job.committed() }
      } catch {
        do throws(StorageError) { try writer.execute("ROLLBACK") } catch { /* SQLite rolled back by itself */
        }
        for job in jobs { job.error = error }
        forgetUncommitted()
      }
      for job in jobs { job.done.signal() }
    }
    // Decide under the lock of the queue, so that no waiting job is left without a leader.
    let next = queue.withLock { queue -> WriteJob? in
      queue.hasLeader = !queue.waiting.isEmpty
      return queue.waiting.first
    }
    guard let next else { return }
    next.mustLead = true
    next.done.signal()
  }

  /// Resets the writer's state to the committed state after a rollback.
  private func forgetUncommitted() {
    for (_, partitions) in topicTable.withLock({ Array($0.values) }) {
      for partition in partitions {
        partition.writeOffset = partition.highWatermark
        partition.producers = [:]
        do throws(StorageError) {
          try writer.run("SELECT producer_id,state FROM producers WHERE partition_id=?", [.int(partition.id)])
          {
            partition.producers[$0.int(0)] = ProducerState(text: $0.text(1))
          }
        } catch { continue }
      }
    }
  }

  /// Appends checked batches in one transaction. The results have the order of the batches.
  func append(_ batches: [(Partition, RecordBatch)]) throws(StorageError) -> [AppendResult] {
    let results = ResultBox(count: batches.count)
    try write(
      { (database) throws(StorageError) in
        for (index, (partition, batch)) in batches.enumerated() {
          results.values[index] = try Self.append(batch, to: partition, database)
        }
      },
      committed: {
        for (index, (partition, _)) in batches.enumerated() {
          guard case .appended(let base, _, let bytes, let last)? = results.values[index] else { continue }
          partition.readable.withLock { readable in
            readable.highWatermark = last + 1
            readable.tail.append((base, last, bytes))
            readable.tailBytes += bytes.count
            while readable.tailBytes > Self.tailBytesMax, readable.tail.count > 1 {
              readable.tailBytes -= readable.tail.removeFirst().bytes.count
            }
          }
          partition.wakeWaiters()
        }
      })
    return results.values.map { $0 ?? .refused(.storageError) }
  }

  private static func append(_ batch: RecordBatch, to partition: Partition, _ database: Database)
    throws(StorageError) -> AppendResult
  {
    guard !partition.isDeleted else { return .refused(.unknownTopicOrPartition) }
    var producer: ProducerState?
    if batch.producerID >= 0 {
      var state = partition.producers[batch.producerID] ?? ProducerState()
      switch state.admit(batch) {
      case .duplicate(let base): return .duplicate(base: base)
      case .refused(let code): return .refused(code)
      case .admitted: producer = state
      }
    }
    let base = partition.writeOffset
    let last = base + Int64(batch.lastOffsetDelta)
    let now = max(Int64(Date().timeIntervalSince1970 * 1000), partition.lastTimestamp)
    var stamped = batch
    stamped.stamp(baseOffset: base, appendTime: partition.topic.usesAppendTime ? now : nil)
    let timestamp = stamped.maxTimestamp
    try database.run(
      "INSERT INTO batches(partition_id,base_offset,last_offset,max_timestamp,bytes) VALUES(?,?,?,?,?)",
      [.int(partition.id), .int(base), .int(last), .int(timestamp), .blob(stamped.bytes)])
    if var producer {
      producer.record(batch, base: base)
      partition.producers[batch.producerID] = producer
      try database.run(
        "INSERT OR REPLACE INTO producers(partition_id,producer_id,state) VALUES(?,?,?)",
        [.int(partition.id), .int(batch.producerID), .text(producer.text)])
    }
    partition.writeOffset = last + 1
    if partition.topic.usesAppendTime { partition.lastTimestamp = now }
    return .appended(
      base: base, timestamp: partition.topic.usesAppendTime ? now : -1, bytes: stamped.bytes, last: last)
  }

  func create(_ name: String, partitionCount: Int32, settings: [String: String]) throws(StorageError) -> Bool
  {
    let made = Mutex<(topic: Topic, partitions: [Partition])?>(nil)
    try write(
      { (database) throws(StorageError) in
        // Look in the table: another creation may share this transaction, and the memory is updated after the
        // commit.
        var isThere = false
        try database.run("SELECT 1 FROM topics WHERE name=?", [.text(name)]) { _ in isThere = true }
        guard !isThere else { return }
        try database.run(
          "INSERT INTO topics(name,partition_count,settings) VALUES(?,?,?)",
          [.text(name), .int(Int64(partitionCount)), .text(SettingsText.encode(settings))])
        var id: Int64 = 0
        try database.run("SELECT last_insert_rowid()") { id = $0.int(0) }
        let topic = Topic(id: id, name: name, partitionCount: partitionCount, settings: settings)
        var partitions: [Partition] = []
        for number in 0..<partitionCount {
          try database.run(
            "INSERT INTO partitions(topic_id,number,log_start) VALUES(?,?,0)",
            [.int(id), .int(Int64(number))])
          var partitionID: Int64 = 0
          try database.run("SELECT last_insert_rowid()") { partitionID = $0.int(0) }
          partitions.append(
            Partition(
              id: partitionID, topic: topic, number: number, nextOffset: 0, logStart: 0, lastTimestamp: 0))
        }
        made.withLock { $0 = (topic, partitions) }
      },
      committed: { if let new = made.withLock({ $0 }) { self.topicTable.withLock { $0[name] = new } } })
    return made.withLock { $0 != nil }
  }

  /// Replaces a topic's settings.
  ///
  /// - Returns: false when there is no such topic.
  func alter(_ name: String, settings: [String: String]) throws(StorageError) -> Bool {
    guard let (topic, partitions) = topicTable.withLock({ $0[name] }) else { return false }
    var altered = topic
    altered.settings = settings
    let new = altered
    try write(
      { (database) throws(StorageError) in
        try database.run(
          "UPDATE topics SET settings=? WHERE id=?", [.text(SettingsText.encode(settings)), .int(topic.id)])
      },
      committed: {
        self.topicTable.withLock { table in
          guard table[name]?.topic.id == topic.id else { return }
          table[name]?.topic = new
        }
        for partition in partitions { partition.setTopic(new) }
      })
    return true
  }

  func delete(_ name: String) throws(StorageError) -> Bool {
    guard let (topic, partitions) = topicTable.withLock({ $0[name] }) else { return false }
    try write(
      { (database) throws(StorageError) in
        for partition in partitions {
          try database.run("DELETE FROM batches WHERE partition_id=?", [.int(partition.id)])
          for table in ["producers", "compactions", "horizons"] {
            try database.run("DELETE FROM \(table) WHERE partition_id=?", [.int(partition.id)])
          }
        }
        try database.run("DELETE FROM partitions WHERE topic_id=?", [.int(topic.id)])
        try database.run("DELETE FROM topics WHERE id=?", [.int(topic.id)])
        try database.run("DELETE FROM offsets WHERE topic=?", [.text(name)])
      },
      committed: {
        // A repeated deletion may share its transaction with the creation of a new topic of this name.
        self.topicTable.withLock { table in
          guard table[name]?.topic.id == topic.id else { return }
          table[name] = nil
        }
        for partition in partitions {
          partition.readable.withLock { $0.isDeleted = true }
          partition.wakeWaiters()
        }
      })
    return true
  }

  func commit(group: String, _ offsets: [StoredOffset]) throws(StorageError) {
    try write { (database) throws(StorageError) in
      for offset in offsets {
        try database.run(
          """
          INSERT OR REPLACE INTO offsets(group_id,topic,number,next_offset,leader_epoch,metadata)
            VALUES(?,?,?,?,?,?)
          """,
          [
            .text(group), .text(offset.topic), .int(Int64(offset.partition)), .int(offset.nextOffset),
            .int(Int64(offset.leaderEpoch)), .text(offset.metadata),
          ])
      }
    }
  }

  /// The groups that have committed offsets.
  func groups() throws(StorageError) -> [String] {
    var names: [String] = []
    try reading { (database) throws(StorageError) in
      try database.run("SELECT DISTINCT group_id FROM offsets ORDER BY group_id") { names.append($0.text(0)) }
    }
    return names
  }

  func deleteGroup(_ name: String) throws(StorageError) {
    try write { (database) throws(StorageError) in
      try database.run("DELETE FROM offsets WHERE group_id=?", [.text(name)])
    }
  }

  func nextProducerID() throws(StorageError) -> Int64 {
    let id = Mutex<Int64>(0)
    try write { (database) throws(StorageError) in
      // Each store begins at a random number: a client that outlives its store must not be taken for a client of the
      // next store on the same port.
      var value = Int64.random(in: 1 << 32..<1 << 59)
      try database.run("SELECT value FROM facts WHERE name='next_producer_id'") {
        value = Int64($0.text(0)).flatMap { (0..<(1 << 60)).contains($0) ? $0 : nil } ?? value
      }
      try database.run(
        "INSERT OR REPLACE INTO facts(name,value) VALUES('next_producer_id',?)", [.text("\(value + 1)")])
      id.withLock { $0 = value }
    }
    return id.withLock { $0 }
  }
}

// Only the write leader uses the plain fields of `Partition`. Readers use `readable`.
extension Store.Partition: @unchecked Sendable {}

private final class ResultBox: @unchecked Sendable {  // written by the leader, read after `done`
  var values: [AppendResult?]
  init(count: Int) { values = Array(repeating: nil, count: count) }
}

private final class WriteJob: @unchecked Sendable {  // handed to the leader and back through `done`
  let body: (Database) throws(StorageError) -> Void
  let committed: () -> Void
  let done = DispatchSemaphore(value: 0)
  var error: StorageError?
  /// Set before `done` is signalled when the woken thread must lead. Otherwise its job is finished.
  var mustLead = false

  init(body: @escaping (Database) throws(StorageError) -> Void, committed: @escaping () -> Void) {
    self.body = body
    self.committed = committed
  }
}

/// Topic settings as `name=value` lines.
private enum SettingsText {
  static func encode(_ settings: [String: String]) -> String {
    settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
  }

  static func decode(_ text: String) -> [String: String] {
    var settings: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { settings[String(parts[0])] = String(parts[1]) }
    }
    return settings
  }
}
