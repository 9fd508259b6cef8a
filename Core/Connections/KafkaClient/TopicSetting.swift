/// A setting of a topic, as the broker reports it.
package struct TopicSetting: Sendable, Equatable {
  package var value: String
  /// True when it was set for this topic, and is not a default of the cluster.
  package var isOwn: Bool

  package init(value: String, isOwn: Bool) {
    self.value = value
    self.isOwn = isOwn
  }
}
