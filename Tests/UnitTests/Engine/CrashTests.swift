import Engine
import Foundation
import Segments
import Storage
import TestSupport
import Testing

// Goal: whatever the disk loses in a power failure, nothing that was committed is missing, nothing deleted is back, and
// no file is left over. Method: random histories with checkpoints and merges on a simulated disk, whose power fails
// after each of its calls; then the index is opened from the files that survived, applies the rest of the history, and
// is compared with a brute force.

@Suite struct CrashTests {
  /// The number of histories. To run more by hand: `MILLRACE_CRASH_HISTORIES=500`.
  private static let historyCount =
    ProcessInfo.processInfo.environment["MILLRACE_CRASH_HISTORIES"].flatMap { Int($0) } ?? 5

  /// Runs the index until the power fails or it has applied the history up to `end`.
  ///
  /// - Parameter other: the disk of the snapshot. Its own calls never fail.
  /// - Returns: the next offsets of the last checkpoint that succeeded, and of the snapshot, if one was made.
  private func live(
    _ disk: SimulatedDisk, _ history: IndexHistory, seed: UInt64, end: Int, snapshots other: SimulatedDisk
  ) -> (committed: Int, snapshot: Int?) {
    var random = SplitMix(state: seed)
    var committed = 0
    var snapshot: Int?
    do {
      let replica = try IndexReplica(disk, history)
      committed = replica.position
      var jobs = IndexJobs(replica.engine)
      while replica.position < end {
        try replica.applyNext()
        if Int.random(in: 0..<6, using: &random) == 0, snapshot == nil {
          // Taking a snapshot fails while no checkpoint is stored.
          snapshot = (try? IndexSnapshot.take(disk, to: other)).flatMap { $0.partitions[0] }
            .map { Int($0.nextOffset) }
        }
        for _ in 0..<Int.random(in: 0...2, using: &random) where jobs.step(&random) {
          committed = replica.storedPosition
        }
      }
      if replica.checkpoint() { committed = replica.position }
    } catch {}
    return (committed, snapshot)
  }

  @Test("a power failure after any disk call loses nothing committed, restores nothing and leaks no file")
  func cuts() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var (lives, snapshots) = (0, 0)
    for number in 0..<Self.historyCount {
      let history = IndexHistory(seed: seed &+ UInt64(number), length: 40)
      let whole = SimulatedDisk()
      _ = live(whole, history, seed: seed &+ UInt64(number), end: 30, snapshots: SimulatedDisk())
      for call in 1...whole.calls {
        let comment: Comment = "seed \(seed), history \(number), cut \(call) of \(whole.calls)"
        let disk = SimulatedDisk()
        disk.cut(at: call)
        let other = SimulatedDisk()
        let (committed, snapshot) = live(
          disk, history, seed: seed &+ UInt64(number), end: 30, snapshots: other)
        if let snapshot {
          let brought = SimulatedDisk()
          _ = try IndexSnapshot.restore(other.afterPowerLoss(&random), to: brought)
          let copy = try IndexReplica(brought.afterPowerLoss(&random), history)
          #expect(copy.faults.isEmpty && copy.position == snapshot, "\(comment): \(copy.faults)")
          try copy.check(&random, comment)
          while copy.position < history.records.count { try copy.applyNext() }
          try copy.check(&random, comment)
          snapshots += 1
        }
        let survived = disk.afterPowerLoss(&random)
        let replica = try IndexReplica(survived, history)
        #expect(replica.faults.isEmpty, "\(comment): \(replica.faults)")
        #expect(replica.position >= committed, comment)
        try replica.check(&random, comment)
        while replica.position < history.records.count { try replica.applyNext() }
        try replica.check(&random, comment)
        #expect(replica.checkpoint(), comment)
        #expect(replica.checkpoint(), comment)
        let names = try survived.names()
        #expect(names.count { $0.hasPrefix("manifest-") } == 2, "\(comment): \(names)")
        #expect(try replica.neededFiles(survived) == Set(names), comment)
        try replica.verify(survived, comment)
        let again = try IndexReplica(survived, history)
        #expect(again.position == history.records.count && again.faults.isEmpty, comment)
        try again.check(&random, comment)
        lives += 1
      }
    }
    #expect(lives > 20 * Self.historyCount && snapshots > 0, "seed \(seed)")
  }

  @Test("a flipped bit or a truncation of any file is found; the index has the last good state or is empty")
  func damage() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var fallbacks = 0
    for round in 0..<150 {
      let history = IndexHistory(seed: seed &+ UInt64(round), length: 40)
      let disk = SimulatedDisk()
      let writer = try IndexReplica(disk, history)
      while writer.position < 35 {
        try writer.applyNext()
        if Int.random(in: 0..<5, using: &random) == 0 { writer.checkpoint() }
      }
      writer.checkpoint()
      let name = try #require(try disk.names().sorted().randomElement(using: &random))
      let states = try Manifest.numbers(disk).map { try Manifest(disk, number: $0) }
      let newest = try #require(states.first).files
      var bytes = disk.bytes(name)
      if Bool.random(using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      } else {
        bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
      }
      disk.replace(name, bytes)
      let comment: Comment = "seed \(seed), round \(round), \(name)"
      let replica = try IndexReplica(disk, history)
      // A file that only the older manifest needs is not checked when the index is opened.
      #expect(!replica.faults.isEmpty || !newest.contains(name), comment)
      // The newest state that does not need the damaged file.
      let whole = states.first { !$0.files.contains(name) }
      #expect(replica.position == Int(whole?.partitions[0]?.nextOffset ?? 0), comment)
      if whole != nil, newest.contains(name) { fallbacks += 1 }
      try replica.check(&random, comment)
      while replica.position < history.records.count { try replica.applyNext() }
      try replica.check(&random, comment)
      #expect(replica.checkpoint(), comment)
    }
    #expect(fallbacks > 5, "seed \(seed)")
  }

  @Test("a full disk stops only checkpoints and merges; with room again a checkpoint stores everything")
  func full() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    let history = IndexHistory(seed: seed, length: 60)
    let disk = SimulatedDisk()
    let replica = try IndexReplica(disk, history)
    while replica.position < 20 { try replica.applyNext() }
    #expect(replica.checkpoint())
    while replica.position < 40 { try replica.applyNext() }
    disk.setFull(true)
    #expect(!replica.checkpoint())
    try replica.check(&random, "seed \(seed)")
    while replica.position < 50 { try replica.applyNext() }
    #expect(!replica.checkpoint() && !replica.merge(.allSegments))
    try replica.check(&random, "seed \(seed)")
    disk.setFull(false)
    #expect(replica.checkpoint())
    try replica.check(&random, "seed \(seed)")
    let again = try IndexReplica(disk, history)
    #expect(again.position == 50 && again.faults.isEmpty)
    try again.check(&random, "seed \(seed)")
  }

  @Test("a merge that ends while a checkpoint is written is stored by the next checkpoint")
  func mergeMeanwhile() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    let history = IndexHistory(seed: seed, length: 60)
    let disk = SimulatedDisk()
    let replica = try IndexReplica(disk, history)
    while replica.position < 40 {
      try replica.applyNext()
      if replica.position % 10 == 0 { replica.checkpoint() }
    }
    let checkpoint = try #require(replica.engine.beginCheckpoint(nowMilliseconds: 1))
    let merge = try #require(replica.engine.beginMerge(nowMilliseconds: 1, .allSegments))
    replica.engine.finish(merge.run { false })
    replica.engine.finish(checkpoint, checkpoint.run())
    #expect(replica.engine.hasChanges, "seed \(seed)")
    #expect(replica.checkpoint())
    #expect(!replica.engine.hasChanges)
    let again = try IndexReplica(disk, history)
    #expect(again.engine.status.segments.map(\.name) == replica.engine.status.segments.map(\.name))
  }

  @Test("a merge of the newer tables keeps the entry that says a document is forgotten")
  func forgotten() throws {
    let disk = SimulatedDisk()
    let history = IndexHistory(forgetting: 40)
    let replica = try IndexReplica(disk, history) { options in
      options.tablePolicy = MergePolicy(fanout: 2, smallest: 512, largest: 1 << 20)
    }
    // A large table with all documents, then two small ones: the first document is forgotten in one of them.
    for end in [40, 43, 44] {
      while replica.position < end { try replica.applyNext() }
      #expect(replica.checkpoint())
    }
    #expect(replica.engine.status.tables == 3)
    #expect(replica.merge())
    #expect(replica.engine.status.tables == 2, "the two small tables are merged")
    #expect(replica.checkpoint())
    try replica.verify(disk, "the merge lost the entry of the forgotten document")
  }

  @Test("a power failure during a restore leaves a volume that is empty or complete")
  func restoreCut() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    let history = IndexHistory(seed: seed, length: 60)
    let disk = SimulatedDisk()
    let replica = try IndexReplica(disk, history)
    while replica.position < 50 {
      try replica.applyNext()
      if replica.position % 9 == 0 { replica.checkpoint() }
    }
    let (snapshot, whole) = (SimulatedDisk(), SimulatedDisk())
    _ = try IndexSnapshot.take(disk, to: snapshot)
    _ = try IndexSnapshot.restore(snapshot, to: whole)
    for call in 1...whole.calls {
      for _ in 0..<10 {
        let volume = SimulatedDisk()
        volume.cut(at: call)
        _ = try? IndexSnapshot.restore(snapshot, to: volume)
        let found = try IndexReplica(volume.afterPowerLoss(&random), history)
        #expect(found.faults.isEmpty, "seed \(seed), cut \(call): \(found.faults)")
        #expect(found.position == 0 || found.position == 45, "seed \(seed), cut \(call)")
        try found.check(&random, "seed \(seed), cut \(call)")
      }
    }
  }

  @Test("documents that are removed while a segment is sealed or merged stay removed")
  func removedMeanwhile() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for round in 0..<30 {
      let history = IndexHistory(seed: seed &+ UInt64(round), length: 60)
      let disk = SimulatedDisk()
      let replica = try IndexReplica(disk, history)
      var jobs = IndexJobs(replica.engine)
      while replica.position < history.records.count {
        try replica.applyNext()
        if Bool.random(using: &random) { _ = jobs.step(&random) }
        try replica.check(&random, "seed \(seed), round \(round)")
      }
      jobs.finish()
      try replica.check(&random, "seed \(seed), round \(round)")
      #expect(replica.checkpoint())
      #expect(!replica.engine.hasChanges, "nothing is left to store")
      try replica.verify(disk, "seed \(seed), round \(round)")
      let again = try IndexReplica(disk, history)
      #expect(again.position == history.records.count)
      try again.check(&random, "seed \(seed), round \(round)")
    }
  }
}
