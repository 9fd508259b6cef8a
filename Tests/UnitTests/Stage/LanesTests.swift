import KafkaClient
import Records
import Testing
@testable import Stage

// Goal: an ordered stage begins the records of a partition in their order, whatever rebalances happen. Method: the
// steps of one partition, one by one.

@Suite struct LanesTests {
  private let partition = TopicPartition("documents", 0)

  private func records(_ offsets: [Int64]) -> [ConsumerRecord] {
    offsets.map {
      ConsumerRecord(
        position: RecordPosition(topic: partition.topic, partition: partition.partition, offset: $0),
        timestampMilliseconds: 0, key: nil, value: nil)
    }
  }

  private func take(_ lanes: inout Lanes) -> [Lanes.Taken] {
    lanes.take(now: .now, batchMax: 8) { _ in false }
  }

  @Test(
    "a record left before its partition returned is begun before records that were put back after that")
  func leftFirst() {
    var lanes = Lanes(.batches(of: 8, isOrdered: true), deathsMax: 4)
    lanes.begin()
    lanes.assign([partition: CommittedOffset(nextOffset: 28)], ends: [:])
    let polled = lanes.poll(records([28, 29, 30]))
    #expect(polled.count == 3)
    let taken = take(&lanes)
    #expect(taken.map(\.record.position.offset) == [28, 29, 30])
    for item in taken { lanes.send(item) }
    lanes.revoke([partition])
    lanes.leave(taken[0])
    lanes.assign([partition: CommittedOffset(nextOffset: 28)], ends: [:])
    let arePutBack = [
      lanes.retry(taken[1], at: nil, isAttempt: false), lanes.retry(taken[2], at: nil, isAttempt: false),
    ]
    #expect(arePutBack == [true, true])
    var next = take(&lanes)
    #expect(next.isEmpty, "28 is polled again first")
    let again = lanes.poll(records([28, 29, 30]))
    #expect(again.map(\.position.offset) == [28])
    next = take(&lanes)
    #expect(next.map(\.record.position.offset) == [28, 29, 30])
  }

  @Test("records that are gone from the log do not hold up later ones")
  func gone() {
    var lanes = Lanes(.batches(of: 8, isOrdered: true), deathsMax: 4)
    lanes.begin()
    lanes.assign([partition: CommittedOffset(nextOffset: 28)], ends: [:])
    _ = lanes.poll(records([28, 29, 30, 31]))
    // One record is in work, the others wait.
    let taken = lanes.take(now: .now, batchMax: 1) { _ in false }
    lanes.revoke([partition])
    lanes.assign([partition: CommittedOffset(nextOffset: 28)], ends: [:])
    // 29 and 30 were compacted away in between.
    let again = lanes.poll(records([28, 31]))
    #expect(again.map(\.position.offset) == [31], "28 is in work")
    for item in taken {
      lanes.send(item)
      lanes.finish(item, together: [])
    }
    let next = take(&lanes)
    #expect(next.map(\.record.position.offset) == [31])
  }

  @Test("a stage that gives up no record treats each as usual, however many processes died")
  func givesNothingUp() {
    // Offset 28 was in work alone at two deaths.
    let metadata = "~1;28;d;1;5;1;0;0;;"
    func treatment(_ deathsMax: Int) -> PartitionProgress.Treatment {
      let progress = PartitionProgress(
        CommittedOffset(nextOffset: 28, metadata: metadata), logEnd: 100, inWorkMax: 8, deathsMax: deathsMax)
      return progress.treatment(of: 28, deathsMax: deathsMax)
    }
    #expect(treatment(4) != .usual && treatment(.max) == .usual)
  }

  @Test("later records wait for a record whose retry is due later")
  func due() {
    var lanes = Lanes(.batches(of: 8, isOrdered: true), deathsMax: 4)
    lanes.begin()
    lanes.assign([partition: CommittedOffset(nextOffset: 0)], ends: [:])
    _ = lanes.poll(records([0, 1]))
    let taken = take(&lanes)
    for item in taken { lanes.send(item) }
    _ = lanes.retry(taken[1], at: nil, isAttempt: false)
    _ = lanes.retry(taken[0], at: .now + .seconds(60), isAttempt: true)
    _ = lanes.poll(records([2]))
    let next = take(&lanes)
    #expect(next.isEmpty)
  }
}
