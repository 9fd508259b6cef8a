import Engine
import Foundation
import Segments
import Storage
import TestSupport
import Testing

// Goal: whatever the disk loses at a loss of power, nothing that was committed is missing, nothing deleted is back, and
// no file is left over. Method: random histories with checkpoints and merges on a simulated disk, cut before each of
// its calls; then the index is opened from what survived, applies the rest, and is compared with a brute force.

@Suite struct CrashTests {
  /// More of them by hand: `MILLRACE_CRASH_HISTORIES=500`.
  private static let historyCount =
    ProcessInfo.processInfo.environment["MILLRACE_CRASH_HISTORIES"].flatMap { Int($0) } ?? 5

  /// One life of the index until the power fails or the history ends.
  ///
  /// - Returns: the next offset of the last checkpoint that succeeded.
  private func live(_ disk: SimulatedDisk, _ history: IndexHistory, seed: UInt64, end: Int) -> Int {
    var random = SplitMix(state: seed)
    var committed = 0
    do {
      let replica = try IndexReplica(disk, history)
      committed = replica.position
      while replica.position < end {
        try replica.applyNext()
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
          if replica.checkpoint() { committed = replica.position }
        case 1: replica.merge()
        case 2: replica.merge(.allSegments)
        case 3: replica.merge(.allTables)
        default: break
        }
      }
      if replica.checkpoint() { committed = replica.position }
    } catch {}
    return committed
  }

  @Test("a cut before each call of the disk loses nothing committed, brings nothing back and leaks no file")
  func cuts() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var lives = 0
    for number in 0..<Self.historyCount {
      let history = IndexHistory(seed: seed &+ UInt64(number), length: 40)
      let whole = SimulatedDisk()
      _ = live(whole, history, seed: seed, end: 30)
      for call in 1...whole.calls {
        let comment: Comment = "seed \(seed), history \(number), cut \(call) of \(whole.calls)"
        let disk = SimulatedDisk()
        disk.cut(at: call)
        let committed = live(disk, history, seed: seed, end: 30)
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
        let again = try IndexReplica(survived, history)
        #expect(again.position == history.records.count && again.faults.isEmpty, comment)
        try again.check(&random, comment)
        lives += 1
      }
    }
    #expect(lives > 20 * Self.historyCount)
  }

  @Test("a flipped bit or a cut in any file is found, and the index is that of the last good state or empty")
  func damage() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
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
      let newest = try Manifest(disk, number: try #require(try Manifest.numbers(disk).first)).files
      var bytes = disk.bytes(name)
      if Bool.random(using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      } else {
        bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
      }
      disk.replace(name, bytes)
      let comment: Comment = "seed \(seed), round \(round), \(name)"
      let replica = try IndexReplica(disk, history)
      // A file that only the older manifest needs is not looked at.
      #expect(!replica.faults.isEmpty || !newest.contains(name), comment)
      try replica.check(&random, comment)
      while replica.position < history.records.count { try replica.applyNext() }
      try replica.check(&random, comment)
      #expect(replica.checkpoint(), comment)
    }
  }

  @Test("a full disk stops nothing but checkpoints; with room again the next one stores everything")
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

  @Test("what is removed while a segment is sealed or merged stays removed")
  func removedMeanwhile() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for round in 0..<100 {
      let history = IndexHistory(seed: seed &+ UInt64(round), length: 60)
      let disk = SimulatedDisk()
      let replica = try IndexReplica(disk, history)
      while replica.position < history.records.count {
        for _ in 0..<3 where replica.position < history.records.count { try replica.applyNext() }
        if Bool.random(using: &random), let job = replica.engine.beginCheckpoint(nowMilliseconds: 1) {
          for _ in 0..<4 where replica.position < history.records.count { try replica.applyNext() }
          try replica.check(&random, "seed \(seed), round \(round)")
          replica.engine.finish(job, job.run())
        } else if let job = replica.engine.beginMerge(
          nowMilliseconds: 1,
          [MergeChoice.due, .allSegments, .allTables].randomElement(using: &random) ?? .due)
        {
          let result = job.run { false }
          for _ in 0..<4 where replica.position < history.records.count { try replica.applyNext() }
          try replica.check(&random, "seed \(seed), round \(round)")
          replica.engine.finish(result)
        }
        try replica.check(&random, "seed \(seed), round \(round)")
      }
      #expect(replica.checkpoint())
      let again = try IndexReplica(disk, history)
      #expect(again.position == history.records.count)
      try again.check(&random, "seed \(seed), round \(round)")
    }
  }
}
