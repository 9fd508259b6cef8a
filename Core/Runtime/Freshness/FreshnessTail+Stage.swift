import Records
import Settings
import Stage

extension FreshnessTail {
  /// The tail of a stage that may emit answers. The stage's gate opens when the tail has caught up.
  package convenience init(_ context: StageContext, opening gate: Gate) {
    self.init(
      kafka: context.kafka, topic: context.topic(.documentStatus),
      partitionCount: context.settings.partitionCount(.documentStatus),
      window: .milliseconds(QueryRecord.deadlineMaxMilliseconds) + context.settings.cache.answerTTL
        + context.settings.freshness.indexLagMax,
      staleAfter: context.settings.freshness.staleAfter, metrics: context.metrics
    ) { gate.set(open: true) }
  }
}
