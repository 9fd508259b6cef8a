// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import KafkaClient
import Records
import TestSupport
import Testing
@testable import Stage

// Goal: commits lose no record, whatever the order of the work, the hand-overs and the deaths. Method: short histories
// one by one, then random ones against a model of a partition and its owners.

@Suite struct PartitionProgressTests {
  private func progress(_ offset: Int64, _ metadata: String = "") -> PartitionProgress {
    PartitionProgress(CommittedOffset(nextOffset: offset, metadata: metadata))
  }
  /// Polls the offsets, and returns those that are new.
  private func polled(_ offsets: [Int64], _ progress: inout PartitionProgress) -> [Int64] {
    var new: [Int64] = []
    for offset in offsets where progress.poll(offset) { new.append(offset) }
    return new
  }

  @Test("the lowest unfinished offset is committed; offsets finished beyond it are in the metadata")
  func prefixAndBitmap() {
    var owner = progress(10)
    let first = polled([10, 11, 15, 16], &owner)
    #expect(first == [10, 11, 15, 16])
    owner.finish(11, incarnation: 0)
    owner.finish(16, incarnation: 0)
    #expect(owner.nextOffset == 10)
    var successor = PartitionProgress(owner.committed(isHandedOver: true))
    let second = polled([10, 11, 15, 16], &successor)
    #expect(second == [10, 15], "11 and 16 were finished by the former owner")
    owner.finish(10, incarnation: 0)
    #expect(owner.nextOffset == 15, "gaps in offsets are tolerated")
    owner.finish(15, incarnation: 0)
    #expect(owner.nextOffset == 17)
  }

  @Test("the highest offset that a client can commit causes no trap")
  func highestOffset() {
    let owner = progress(.max)
    #expect(owner.committed(isHandedOver: true).nextOffset == .max)
    #expect(owner.committed(isHandedOver: false).nextOffset == .max)
  }

  @Test("polled offsets are unfinished, whatever the order of the work: the commit passes none of them")
  func orderOfTheWork() {
    var owner = progress(0)
    _ = polled([0, 1, 2, 3], &owner)
    owner.finish(3, incarnation: 0)
    owner.finish(1, incarnation: 0)
    #expect(owner.nextOffset == 0)
    owner.finish(0, incarnation: 0)
    #expect(owner.nextOffset == 2)
  }

  @Test("records that the former owner finished beyond this owner's last poll are skipped later")
  func finishedFurtherOn() {
    var former = progress(0)
    _ = polled(Array(0..<10), &former)
    for offset in [5, 6, 9] as [Int64] { former.finish(offset, incarnation: 0) }
    var owner = PartitionProgress(former.committed(isHandedOver: true))
    #expect(polled([0], &owner) == [0])
    owner.finish(0, incarnation: 0)
    #expect(polled(Array(1..<10), &owner) == [1, 2, 3, 4, 7, 8])
  }

  @Test("a left record is not held, is not passed by the commit, and may be polled again")
  func left() {
    var owner = progress(0)
    _ = polled([0, 1, 2], &owner)
    owner.leave(1)
    #expect(owner.unfinishedCount == 2 && !owner.isHeld(1))
    owner.finish(0, incarnation: 0)
    owner.finish(2, incarnation: 0)
    #expect(owner.nextOffset == 1, "offset 1 is not finished: nothing beyond it is committed")
    owner.resume(at: 0)
    #expect(polled([0, 1, 2], &owner) == [1])
    owner.finish(1, incarnation: 0)
    #expect(owner.nextOffset == 3)
  }

  @Test("if a log begins again, its offsets are new, and results of earlier work do not count")
  func restarted() {
    var owner = progress(100)
    _ = polled([100, 101], &owner)
    #expect(polled([3], &owner) == [3], "the log was truncated")
    #expect(owner.incarnation == 1 && owner.nextOffset == 3)
    _ = polled([100], &owner)
    owner.finish(100, incarnation: 0)
    #expect(owner.isHeld(100), "another record than the one that was in work")
    #expect(polled([2], &owner) == [2] && owner.incarnation == 2)
  }

  @Test(
    "metadata of another offset, of a newer form or invalid is ignored; the former release's bitmap is read")
  func forms() throws {
    var owner = progress(10)
    _ = polled([10, 11, 12], &owner)
    owner.finish(12, incarnation: 0)
    let text = owner.committed(isHandedOver: true).metadata
    #expect(Data(base64Encoded: text) == nil, "the former release must not take it for its bitmap")
    for (offset, metadata) in [(11, text), (10, "~2" + text.dropFirst(2)), (10, "~1;10"), (10, "nonsense!")] {
      var next = progress(Int64(offset), metadata)
      #expect(polled([11, 12], &next) == [11, 12], "\(metadata)")
    }
    let bitmap = Data([0b110]).base64EncodedString()
    var next = progress(10, bitmap)
    #expect(polled([10, 11, 12], &next) == [10])
  }

  @Test("a full partition's metadata fits Kafka's limit, with everything that it can hold")
  func limits() {
    var owner = progress(1 << 60)
    let base: Int64 = 1 << 60
    _ = polled((0..<PartitionProgress.spanMax).map { base + $0 }, &owner)
    #expect(owner.isFull)
    for offset in 1..<PartitionProgress.spanMax { owner.finish(base + offset, incarnation: 0) }
    owner.beginAlone(base)
    owner.note = .max
    #expect(owner.committed(isHandedOver: false).metadata.utf8.count <= 4096)
    owner.leave(base)
    #expect(!owner.isFull, "otherwise it could never be polled again")
  }

  @Test(
    "a record that is in work at four deaths is rejected, its neighbours are not; orderly stops do not count")
  func deaths() {
    // One of eight records kills its process. The loop does what a process does with each record until it dies.
    let (guilty, count) = (Int64(105), Int64(8))
    var commit = CommittedOffset(nextOffset: 100)
    var deathCount = 0
    var rejected: [Int64] = []
    var done: Set<Int64> = []
    owners: while deathCount < 10 {
      var owner = PartitionProgress(commit, logEnd: 100 + count, inWorkMax: 8)
      commit = owner.committed(isHandedOver: false)
      let new = polled(Array(owner.nextOffset..<(100 + count)), &owner)
      if new.isEmpty { break }
      let together = new.filter { owner.treatment(of: $0, deathsMax: 4) == .usual }
      for offset in together { owner.begin(offset) }
      // As the service does: the begin of a suspect is committed before the work.
      if together.contains(where: { owner.isWatched($0) }) { commit = owner.committed(isHandedOver: false) }
      if together.contains(guilty) {
        deathCount += 1
        continue owners
      }
      for offset in new {
        switch owner.treatment(of: offset, deathsMax: 4) {
        case .usual: break
        case .rejected: rejected.append(offset)
        case .alone:
          owner.beginAlone(offset)
          commit = owner.committed(isHandedOver: false)
          if offset == guilty {
            deathCount += 1
            continue owners
          }
          owner.endAlone(offset)
        }
        done.insert(offset)
        owner.finish(offset, incarnation: 0)
        commit = owner.committed(isHandedOver: false)
      }
      break
    }
    #expect(deathCount == 4 && rejected == [guilty])
    #expect(done == Set(100..<100 + count), "its neighbours and all later records finish")
    let orderly = PartitionProgress(PartitionProgress(commit).committed(isHandedOver: true))
    #expect(orderly.treatment(of: 108, deathsMax: 4) == .usual)
  }

  @Test("if processes die one after another, each with another record in work alone, none is given up")
  func innocent() {
    var commit = CommittedOffset(nextOffset: 0, metadata: "~1;0;d;8;1;8;;;;")
    // Each process finishes one more record alone, and dies at the next.
    for life in 0..<8 as Range<Int64> {
      var owner = PartitionProgress(commit, logEnd: 100, inWorkMax: 8)
      let new = polled(Array(owner.nextOffset..<8), &owner)
      for offset in new.prefix(2) {
        #expect(owner.treatment(of: offset, deathsMax: 4) == .alone, "\(offset) in life \(life)")
        owner.beginAlone(offset)
        commit = owner.committed(isHandedOver: false)
        #expect(CommitMetadata(commit.metadata, base: commit.nextOffset)?.deaths.guilty == nil)
        if offset == new.first { owner.finish(offset, incarnation: 0) }
      }
    }
    var owner = PartitionProgress(commit, logEnd: 100, inWorkMax: 8)
    _ = polled([7], &owner)
    #expect(owner.treatment(of: 7, deathsMax: 4) == .rejected, "the last one was alone twice")
    let former = CommittedOffset(nextOffset: 7, metadata: "~1;7;d;1;2;1;;0;;")
    #expect(PartitionProgress(former).treatment(of: 7, deathsMax: 4) == .rejected)
  }

  @Test("after two deaths only records that were in work at both are worked on alone")
  func intersection() {
    // The first process was killed with up to 1,000 records in work, the second with the first 10 of them.
    let first = CommittedOffset(nextOffset: 0, metadata: "~1;0;d;1000;0;0;;;;")
    var second = PartitionProgress(first, logEnd: 20_000, inWorkMax: 8192)
    let offsets = Array(0..<20 as Range<Int64>)
    _ = polled(offsets, &second)
    let revision = second.revision
    for offset in offsets.prefix(10) {
      #expect(second.isWatched(offset) && second.treatment(of: offset, deathsMax: 4) == .usual)
      second.begin(offset)
    }
    #expect(second.revision > revision, "the begins must be committed")
    var third = PartitionProgress(second.committed(isHandedOver: false), logEnd: 20_000, inWorkMax: 8192)
    _ = polled(offsets, &third)
    #expect(offsets.filter { third.treatment(of: $0, deathsMax: 4) == .alone } == Array(0..<10))
    // The third process was killed before it began a record, so by something else. That acquits none of them.
    var fourth = PartitionProgress(third.committed(isHandedOver: false), logEnd: 20_000, inWorkMax: 8192)
    _ = polled(offsets, &fourth)
    #expect(offsets.filter { fourth.treatment(of: $0, deathsMax: 4) == .alone } == Array(0..<10))
  }

  @Test(
    "a record that kills is rejected even while an older one, which was in work at a death, keeps failing")
  func behindStuck() {
    let (stuck, killer) = (Int64(0), Int64(30))
    // One death, with the stuck record in work; the killer comes later.
    var commit = CommittedOffset(nextOffset: 0, metadata: "~1;0;d;10;0;0;;;;")
    var (end, deathCount) = (Int64(10), 0)
    owners: while deathCount < 20 {
      var owner = PartitionProgress(commit, logEnd: end, inWorkMax: 8)
      end = 40
      commit = owner.committed(isHandedOver: false)
      for offset in polled(Array(0..<end), &owner) {
        switch owner.treatment(of: offset, deathsMax: 4) {
        case .rejected:
          #expect(offset == killer)
          return
        case .alone:
          owner.beginAlone(offset)
          commit = owner.committed(isHandedOver: false)
        case .usual:
          owner.begin(offset)
          if owner.isWatched(offset) { commit = owner.committed(isHandedOver: false) }
        }
        if offset == killer {
          deathCount += 1
          continue owners
        }
        owner.endAlone(offset)
        if offset != stuck { owner.finish(offset, incarnation: 0) }
        commit = owner.committed(isHandedOver: false)
      }
      Issue.record("the killer was worked on, and nothing died")
      return
    }
    Issue.record("the killer was never rejected")
  }

  @Test("records that arrive after a death count as in work at none")
  func laterRecords() {
    var owner = progress(0)
    _ = polled([0, 1], &owner)
    for offset in [0, 1] as [Int64] { owner.begin(offset) }
    var commit = owner.committed(isHandedOver: false)
    var second = PartitionProgress(commit, logEnd: 2, inWorkMax: 100)
    _ = polled([0, 1], &second)
    for offset in [0, 1] as [Int64] { second.begin(offset) }
    commit = second.committed(isHandedOver: false)
    let next = PartitionProgress(commit, logEnd: 50, inWorkMax: 100)
    #expect(next.treatment(of: 1, deathsMax: 4) == .alone)
    let empty = PartitionProgress(
      CommittedOffset(nextOffset: 2, metadata: "~1;2;d;0;2;5;;;;"), logEnd: 2, inWorkMax: 100)
    #expect(empty.treatment(of: 2, deathsMax: 4) == .usual, "nothing was in work")
  }

  @Test("random polls, finishes, commits, deaths and hand-overs lose no record")
  func random() {
    let seed = UInt64.random(in: 1...UInt64.max)
    var generator = SplitMix(state: seed)
    for round in 0..<300 {
      var log: [Int64] = []
      var end: Int64 = 0
      for _ in 0..<Int.random(in: 5...60, using: &generator) {
        end += Int64.random(in: 1...3, using: &generator)
        log.append(end)
      }
      var commit = CommittedOffset(nextOffset: 0)
      var effects: [Int64: Int] = [:]
      var steps = 0
      while commit.nextOffset <= end, steps < 10_000 {
        var owner = PartitionProgress(commit, logEnd: end + 1, inWorkMax: 8)
        var at = log.firstIndex { $0 >= commit.nextOffset } ?? log.count
        var inWork: [Int64] = []
        // An owner takes some steps, then dies or hands over.
        for _ in 0..<Int.random(in: 1...40, using: &generator) {
          steps += 1
          switch Int.random(in: 0..<4, using: &generator) {
          case 0, 1:
            guard at < log.count else { continue }
            if owner.poll(log[at]) { inWork.append(log[at]) }
            at += 1
          case 2:
            guard let offset = inWork.randomElement(using: &generator) else { continue }
            inWork.removeAll { $0 == offset }
            owner.begin(offset)
            effects[offset, default: 0] += 1
            owner.finish(offset, incarnation: owner.incarnation)
          default:
            let new = owner.committed(isHandedOver: false)
            #expect(new.nextOffset >= commit.nextOffset, "seed \(seed), round \(round)")
            commit = new
          }
          // No unfinished record is below the commit.
          let next = owner.committed(isHandedOver: false)
          for offset in log where offset < next.nextOffset {
            if effects[offset] == nil { Issue.record("lost \(offset), seed \(seed), round \(round)") }
          }
        }
        if Bool.random(using: &generator) { commit = owner.committed(isHandedOver: true) }
      }
      #expect(effects.count == log.count, "seed \(seed), round \(round)")
    }
  }
}
