/// The place of a record, topic-partition-offset: the id of a record that has no readable id of its own.
package enum RecordPlace {
  /// - Returns: the partition; nil when the text is not the place of a record of this topic.
  package static func partition(of text: String, in topic: String) -> Int32? {
    guard text.hasPrefix(topic + "-") else { return nil }
    let numbers = text.dropFirst(topic.count + 1).split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 2, let partition = Int32(numbers[0]), partition >= 0, Int64(numbers[1]) ?? -1 >= 0
    else {
      return nil
    }
    return partition
  }
}
