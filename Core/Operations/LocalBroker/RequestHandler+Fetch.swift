import Dispatch
import Foundation

extension RequestHandler {
  private struct Wanted {
    var topic: String
    var number: Int32
    var offset: Int64
    var bytesMax: Int
  }

  private struct Served {
    var wanted: Wanted
    var error: ErrorCode
    var highWatermark: Int64 = -1
    var logStart: Int64 = -1
    var bytes: [UInt8] = []
  }

  /// A long poll: waits until `min_bytes` bytes are available, a partition has an error, or the client's time
  /// limit has passed. The client also limits the sizes, but the first batch is returned whole, whatever its
  /// size, so that no reader can starve.
  func fetch(_ reader: inout ProtocolReader, _ version: Int16, _ writer: inout ProtocolWriter) throws {
    _ = try reader.int32()
    let waitMilliseconds = min(max(0, try reader.int32()), Self.fetchWaitMax)
    let bytesMin = Int(try reader.int32())
    let bytesMax = min(max(0, Int(try reader.int32())), Self.fetchBytesMax)
    _ = try reader.int8()
    if version >= 7 {
      _ = try reader.int32()
      _ = try reader.int32()
    }
    var wanted: [Wanted] = []
    let topics = try reader.array { (reader) throws(ProtocolError) -> (String, Int) in
      let name = try reader.string()
      let partitions = try reader.array { (reader) throws(ProtocolError) -> Wanted in
        let number = try reader.int32()
        if version >= 9 { _ = try reader.int32() }
        let offset = try reader.int64()
        if version >= 5 { _ = try reader.int64() }
        return Wanted(topic: name, number: number, offset: offset, bytesMax: max(0, Int(try reader.int32())))
      }
      wanted += partitions
      return (name, partitions.count)
    }
    let served = try poll(
      wanted, bytesMin: bytesMin, bytesMax: bytesMax,
      deadline: .now() + .milliseconds(Int(waitMilliseconds)))
    writer.int32(0)
    if version >= 7 {
      writer.error(.none)
      writer.int32(0)
    }
    var position = 0
    writer.array(topics) { writer, topic in
      writer.string(topic.0)
      writer.array(Array(0..<topic.1)) { writer, _ in
        let part = served[position]
        position += 1
        writer.int32(part.wanted.number)
        writer.error(part.error)
        writer.int64(part.highWatermark)
        writer.int64(part.highWatermark)
        if version >= 5 { writer.int64(part.logStart) }
        writer.array([Int]()) { _, _ in }
        if version >= 11 { writer.int32(-1) }
        writer.data(part.bytes)
      }
    }
  }

  private func poll(_ wanted: [Wanted], bytesMin: Int, bytesMax: Int, deadline: DispatchTime) throws
    -> [Served]
  {
    let waiter = FetchWaiter()
    let partitions = wanted.compactMap { store.partition($0.topic, $0.number) }
    // Register before reading: an append in between then wakes the poll and is not missed.
    for partition in partitions { partition.addWaiter(waiter) }
    defer { for partition in partitions { partition.removeWaiter(waiter) } }
    while true {
      let served = try collect(wanted, bytesMax: bytesMax)
      let total = served.reduce(0) { $0 + $1.bytes.count }
      if total >= bytesMin || served.contains(where: { $0.error != .none }) || .now() >= deadline {
        return served
      }
      if bytesMin <= 1 {
        waiter.wait(until: deadline)
      } else {
        // A reader with a large `min_bytes` is in no hurry: a check after every append would cost more than it gains.
        waiter.pause(until: min(deadline, .now() + .milliseconds(Self.patientPause)))
      }
    }
  }

  private func collect(_ wanted: [Wanted], bytesMax: Int) throws -> [Served] {
    var left = bytesMax
    var isFirst = true
    var result: [Served] = []
    for item in wanted {
      guard let partition = store.partition(item.topic, item.number), !partition.isDeleted else {
        result.append(Served(wanted: item, error: .unknownTopicOrPartition))
        continue
      }
      var part = Served(
        wanted: item, error: .none, highWatermark: partition.highWatermark, logStart: partition.logStart)
      if item.offset > part.highWatermark || item.offset < part.logStart {
        part.error = .offsetOutOfRange
      } else if item.offset < part.highWatermark, isFirst || left > 0 {
        let bytes = try store.batches(
          partition, from: item.offset, bytesMax: min(item.bytesMax, max(left, 0)))
        if isFirst || bytes.count <= left {
          part.bytes = bytes
          left -= bytes.count
          isFirst = isFirst && bytes.isEmpty
        }
      }
      result.append(part)
    }
    return result
  }
}
