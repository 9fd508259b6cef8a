internal import CRdKafka
import Foundation

extension KafkaAdmin {
  /// The settings of topics, by topic and by name.
  ///
  /// - Throws: `KafkaFailure` when no broker answers within 30 s, and when the right to describe settings is missing.
  package func settings(ofTopics topics: [String]) throws(KafkaFailure) -> [String: [String: TopicSetting]] {
    guard !topics.isEmpty else { return [:] }
    let handle = try handle()
    var resources: [OpaquePointer?] = unsafe []
    defer { unsafe rd_kafka_ConfigResource_destroy_array(&resources, resources.count) }
    for topic in topics {
      unsafe resources.append(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic))
    }
    let queue = unsafe rd_kafka_queue_new(handle.pointer)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    unsafe rd_kafka_DescribeConfigs(handle.pointer, &resources, resources.count, nil, queue)
    guard let event = unsafe rd_kafka_queue_poll(queue, 30_000) else {
      throw failure(.describeConfigs, RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    try check(.describeConfigs, unsafe rd_kafka_event_error(event))
    var count = 0
    let described = unsafe rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event), &count)
    var result: [String: [String: TopicSetting]] = [:]
    for index in 0..<count {
      guard let resource = unsafe described?[index] else { continue }
      let name = unsafe String(cString: rd_kafka_ConfigResource_name(resource))
      let code = unsafe rd_kafka_ConfigResource_error(resource)
      if code != RD_KAFKA_RESP_ERR_NO_ERROR { throw failure(.describeConfigs, code, name) }
      var entryCount = 0
      let entries = unsafe rd_kafka_ConfigResource_configs(resource, &entryCount)
      var settings: [String: TopicSetting] = [:]
      for number in 0..<entryCount {
        guard let entry = unsafe entries?[number], let value = unsafe rd_kafka_ConfigEntry_value(entry) else {
          continue
        }
        settings[unsafe String(cString: rd_kafka_ConfigEntry_name(entry))] = TopicSetting(
          value: unsafe String(cString: value),
          isOwn: unsafe rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
      }
      result[name] = settings
    }
    return result
  }

  /// Replaces the topics' own settings. A setting that is left out goes back to its default.
  ///
  /// - Throws: `KafkaFailure` when a topic's settings are refused, and when no broker answers within 30 s.
  package func setSettings(_ settings: [String: [String: String]]) throws(KafkaFailure) {
    guard !settings.isEmpty else { return }
    let handle = try handle()
    var resources: [OpaquePointer?] = unsafe []
    defer { unsafe rd_kafka_ConfigResource_destroy_array(&resources, resources.count) }
    for (topic, values) in settings.sorted(by: { $0.key < $1.key }) {
      guard let resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else {
        throw failure(.alterConfigs, RD_KAFKA_RESP_ERR__INVALID_ARG, topic)
      }
      unsafe resources.append(resource)
      for (name, value) in values.sorted(by: { $0.key < $1.key }) {
        try check(.alterConfigs, unsafe rd_kafka_ConfigResource_set_config(resource, name, value))
      }
    }
    let queue = unsafe rd_kafka_queue_new(handle.pointer)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    unsafe rd_kafka_AlterConfigs(handle.pointer, &resources, resources.count, nil, queue)
    guard let event = unsafe rd_kafka_queue_poll(queue, 30_000) else {
      throw failure(.alterConfigs, RD_KAFKA_RESP_ERR__TIMED_OUT)
    }
    defer { unsafe rd_kafka_event_destroy(event) }
    try check(.alterConfigs, unsafe rd_kafka_event_error(event))
    var count = 0
    let altered = unsafe rd_kafka_AlterConfigs_result_resources(
      rd_kafka_event_AlterConfigs_result(event), &count)
    for index in 0..<count {
      guard let resource = unsafe altered?[index] else { continue }
      let code = unsafe rd_kafka_ConfigResource_error(resource)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        let reason =
          unsafe rd_kafka_ConfigResource_error_string(resource).map { unsafe String(cString: $0) } ?? ""
        throw failure(
          .alterConfigs, code, unsafe String(cString: rd_kafka_ConfigResource_name(resource)) + ": " + reason)
      }
    }
  }

  /// The names of all consumer groups.
  ///
  /// - Throws: `KafkaFailure` when no broker answers within 10 s.
  package func groups() throws(KafkaFailure) -> [String] {
    let handle = try handle()
    var list: UnsafePointer<rd_kafka_group_list>?
    try check(.listGroups, unsafe rd_kafka_list_groups(handle.pointer, nil, &list, 10_000))
    guard let list = unsafe list else { return [] }
    defer { unsafe rd_kafka_group_list_destroy(list) }
    return (0..<Int(unsafe list.pointee.group_cnt)).map {
      unsafe String(cString: list.pointee.groups[$0].group)
    }
  }

  /// The offsets of the first records at or after a time (milliseconds since 1970). Where there is no such record,
  /// the end offset.
  ///
  /// - Throws: `KafkaFailure` when a partition has no answer within 35 s.
  package func offsets(_ partitions: [TopicPartition], at milliseconds: Int64) throws(KafkaFailure)
    -> [TopicPartition: Int64]
  {
    let found = try question(partitions.map { ($0, milliseconds) }, .seconds(30))
    let missing = partitions.filter { found[$0] ?? -1 < 0 }
    return found.filter { $0.value >= 0 }.merging(try ends(missing)) { $1 }
  }
}
