import BlockingExecutor
internal import CRdKafka
import Foundation
import Records

// Ownership: a conf is ours until rd_kafka_new succeeds. A polled message is destroyed in the scope that
// copied it. Lists are destroyed with their `PartitionList`. An rd_kafka_error_t is destroyed in the scope
// that reads it.

/// Owns one `rd_kafka_t`. The comment at its `Sendable` conformance says which threads may use it.
@safe final class KafkaHandle {
  let pointer: OpaquePointer
  private var isDestroyed = false
  /// Held until the handle is destroyed, because librdkafka forgets a topic that has no reference.
  var warmTopics: [OpaquePointer] = unsafe []

  /// - Parameter opaque: passed to callbacks; must outlive the handle.
  /// - Throws: `KafkaFailure` when librdkafka refuses a setting or can't create the handle.
  init(
    _ type: rd_kafka_type_t, _ settings: [String: String], opaque: UnsafeMutableRawPointer? = nil,
    rebalance: (
      @convention(c) (
        OpaquePointer?, rd_kafka_resp_err_t, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
        UnsafeMutableRawPointer?
      ) -> Void
    )? = nil,
    deliveryEvents: Bool = false
  ) throws(KafkaFailure) {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
    defer { unsafe text.deallocate() }
    guard let conf = unsafe rd_kafka_conf_new() else {
      throw failure(.newConfiguration, RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE)
    }
    for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
      guard unsafe rd_kafka_conf_set(conf, name, value, text, 512) == RD_KAFKA_CONF_OK else {
        unsafe rd_kafka_conf_destroy(conf)
        throw failure(.configure, RD_KAFKA_RESP_ERR__INVALID_ARG, unsafe String(cString: text))
      }
    }
    unsafe rd_kafka_conf_set_opaque(conf, opaque)
    if let rebalance = unsafe rebalance { unsafe rd_kafka_conf_set_rebalance_cb(conf, rebalance) }
    unsafe rd_kafka_conf_set_events(
      conf, deliveryEvents ? Int32(RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR) : Int32(RD_KAFKA_EVENT_ERROR))
    // librdkafka's threads inherit the slack. In 2.0.2 its main thread wakes each second up to a millisecond before its
    // timer, and then spins until the timer is due: without the slack, half of an idle worker's processor time.
    let made = unsafe TimerSlack.raised(to: .milliseconds(2)) { unsafe rd_kafka_new(type, conf, text, 512) }
    guard let pointer = unsafe made else {
      unsafe rd_kafka_conf_destroy(conf)
      throw failure(.newHandle, RD_KAFKA_RESP_ERR__INVALID_ARG, unsafe String(cString: text))
    }
    unsafe self.pointer = pointer
  }

  /// Blocks until librdkafka's threads have ended. Call it before the last reference is released: otherwise
  /// `deinit` blocks the thread that releases it.
  func destroy() { destroy(flags: 0) }

  private func destroy(flags: Int32) {
    guard !isDestroyed else { return }
    isDestroyed = true
    unsafe warmTopics.forEach { unsafe rd_kafka_topic_destroy($0) }
    unsafe rd_kafka_destroy_flags(pointer, flags)
  }

  /// Leaves the group, then destroys the handle. Blocks until that is done, but at most 5 s, or 1 s when
  /// the task is cancelled. No callback runs after this call has begun.
  func leaveGroup() {
    end(limit: .seconds(5)) {
      self.closeConsumer()
      self.destroy(flags: RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
    }
  }

  /// Like `destroy()`, but blocks no longer than the limit: librdkafka's threads may hang in name resolution.
  func destroy(limit: Duration) { end(limit: limit) { self.destroy() } }

  /// Runs `body` on a thread of its own and waits up to the limit. After that the thread continues alone.
  private func end(limit: Duration, _ body: @escaping @Sendable () -> Void) {
    let done = DispatchSemaphore(value: 0)
    startBlockingThread(name: "kafka-end") {
      body()
      done.signal()
    }
    let start = ContinuousClock.now
    while done.wait(timeout: .now() + 0.1) == .timedOut {
      if ContinuousClock.now - start >= (Task.isCancelled ? min(limit, .seconds(1)) : limit) { return }
    }
  }

  private func closeConsumer() {
    let queue = unsafe rd_kafka_queue_new(pointer)
    defer { unsafe rd_kafka_queue_destroy(queue) }
    if let error = unsafe rd_kafka_consumer_close_queue(pointer, queue) {
      unsafe rd_kafka_error_destroy(error)
      return
    }
    while unsafe rd_kafka_consumer_closed(pointer) == 0 {
      guard let event = unsafe rd_kafka_queue_poll(queue, 100) else { continue }
      if unsafe rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE {
        unsafe rd_kafka_assign(pointer, nil)
      }
      unsafe rd_kafka_event_destroy(event)
    }
  }

  deinit { destroy() }
}
