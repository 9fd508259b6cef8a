internal import CRdKafka
import Foundation
import Records

/// A `rd_kafka_topic_partition_list_t` that is destroyed with this object.
@safe final class PartitionList {
  let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(_ partitions: [(TopicPartition, Int64)] = []) {
    unsafe pointer = rd_kafka_topic_partition_list_new(Int32(partitions.count))
    for (partition, offset) in partitions { add(partition, offset: offset) }
  }

  convenience init(_ partitions: [TopicPartition]) {
    self.init(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_INVALID)) })
  }

  func add(_ partition: TopicPartition, offset: Int64, metadata: String = "") {
    guard
      let element = unsafe rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
    else { return }
    unsafe element.pointee.offset = offset
    // librdkafka frees the metadata together with the list, with free(). Not strdup(): another client's metadata may
    // hold a NUL, and librdkafka copies as many bytes as the size says.
    let bytes = Array(metadata.utf8)
    guard !bytes.isEmpty, let copy = unsafe malloc(bytes.count) else { return }
    unsafe bytes.withUnsafeBytes {
      unsafe UnsafeMutableRawBufferPointer(start: copy, count: $0.count).copyMemory(from: $0)
    }
    unsafe element.pointee.metadata = copy
    unsafe element.pointee.metadata_size = bytes.count
  }

  /// Every element with its offset and metadata.
  ///
  /// - Throws: `KafkaFailure` of the first element that has an error.
  func elements(_ call: KafkaFailure.Call) throws(KafkaFailure) -> [(TopicPartition, CommittedOffset)] {
    try unsafe checkEach(call, pointer)
    var result: [(TopicPartition, CommittedOffset)] = []
    for index in 0..<Int(unsafe pointer.pointee.cnt) {
      let element = unsafe pointer.pointee.elems[index]
      // librdkafka 2.0.2 copies another client's metadata only up to its first NUL, but the size counts all bytes.
      let metadata = unsafe element.metadata.map { start in
        let text = unsafe start.assumingMemoryBound(to: CChar.self)
        return unsafe String(
          decoding: UnsafeRawBufferPointer(start: start, count: strnlen(text, element.metadata_size)),
          as: UTF8.self)
      }
      result.append(
        (
          TopicPartition(unsafe String(cString: element.topic), unsafe element.partition),
          CommittedOffset(nextOffset: unsafe element.offset, metadata: metadata ?? "")
        ))
    }
    return result
  }

  deinit { unsafe rd_kafka_topic_partition_list_destroy(pointer) }
}

/// Checks the error code of each element.
///
/// - Throws: `KafkaFailure` of the first element that has an error.
func checkEach(_ call: KafkaFailure.Call, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?)
  throws(KafkaFailure)
{
  guard let list = unsafe list else { return }
  for index in 0..<Int(unsafe list.pointee.cnt) { try check(call, unsafe list.pointee.elems[index].err) }
}

/// The partitions of a list that a callback received. The callback does not own the list.
func partitions(of list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> [TopicPartition] {
  guard let list = unsafe list else { return [] }
  return (0..<Int(unsafe list.pointee.cnt)).map { index in
    let element = unsafe list.pointee.elems[index]
    return TopicPartition(unsafe String(cString: element.topic), unsafe element.partition)
  }
}
