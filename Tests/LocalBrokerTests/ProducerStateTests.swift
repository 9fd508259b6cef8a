import Foundation
import Testing

@testable import LocalBroker

// Goal: a batch is acknowledged only if it was appended. Method: batches of one producer in one partition, also in the
// wrong order, as after lost requests, and producer IDs of two stores.

@Suite struct ProducerStateTests {
  /// - Parameter sequence: the sequence number of its first record.
  private func batch(sequence: Int32, records: Int32 = 1, epoch: Int16 = 0) -> RecordBatch {
    var bytes = [UInt8](repeating: 0, count: RecordBatch.headerBytes)
    func set(_ offset: Int, _ count: Int, _ value: Int64) {
      for index in 0..<count {
        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> ((count - 1 - index) * 8))
      }
    }
    set(23, 4, Int64(records - 1))
    set(43, 8, 7)
    set(51, 2, Int64(epoch))
    set(53, 4, Int64(sequence))
    return RecordBatch(stored: bytes)
  }

  private func verdict(_ state: ProducerState, _ batch: RecordBatch) -> String {
    var state = state
    return switch state.admit(batch) {
    case .admitted: "admitted"
    case .duplicate(let base): "duplicate of \(base)"
    case .refused(let code): "\(code)"
    }
  }

  @Test("a producer begins at sequence 0: no later batch is accepted before its first one")
  func first() {
    var state = ProducerState()
    #expect(verdict(state, batch(sequence: 1)) == "outOfOrderSequenceNumber", "its first batch was lost")
    #expect(verdict(state, batch(sequence: 0)) == "admitted")
    state.record(batch(sequence: 0), base: 28)
    #expect(verdict(state, batch(sequence: 1, records: 2)) == "admitted")
    state.record(batch(sequence: 1, records: 2), base: 29)
    #expect(verdict(state, batch(sequence: 0)) == "duplicate of 28")
    #expect(verdict(state, batch(sequence: 4)) == "outOfOrderSequenceNumber")
    #expect(
      verdict(state, batch(sequence: 5, epoch: 1)) == "outOfOrderSequenceNumber", "a new epoch begins at 0")
    #expect(verdict(state, batch(sequence: 0, epoch: 1)) == "admitted")
  }

  @Test("two stores give different producer IDs, and each store gives ascending ones")
  func ids() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("stores-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let stores = try (0..<2).map { try Store(path: "\(folder.path)/\($0).sqlite", synchronous: "NORMAL") }
    let firsts = try stores.map { try $0.nextProducerID() }
    #expect(firsts[0] != firsts[1] && firsts.allSatisfy { $0 >= 1 << 32 })
    #expect(try stores[0].nextProducerID() == firsts[0] + 1)
    try stores[0].checkpoint()
    #expect(try stores[0].nextProducerID() == firsts[0] + 2, "after a checkpoint of the whole WAL")
    try stores[0].checkpoint()
  }
}
