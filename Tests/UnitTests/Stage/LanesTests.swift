import KafkaClient
import Records
import Testing
@testable import Stage

// Goal: an ordered stage begins the records of a partition in their order, whatever rebalances come between. Method:
// the steps of one partition, by hand.

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
    "a record that was left before a partition came back is begun before those that were put back after it")
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

  @Test("later records wait for one that is due later")
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
