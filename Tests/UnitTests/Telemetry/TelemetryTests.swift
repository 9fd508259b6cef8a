import Stage
import Telemetry
import Testing

@Suite struct TelemetryTests {
  @Test("in the Prometheus text counters end in _total, histograms are cumulative, labels are escaped")
  func prometheus() {
    let metrics = MetricsRegistry()
    metrics.increment(.deadLetters, [("stage", "a\"b"), ("reason", "r")])
    metrics.observe(.processDuration, seconds: 0.003, [("stage", "s")])
    metrics.observe(.processDuration, seconds: 100, [("stage", "s")])
    let text = PrometheusText.render(metrics.collect())
    #expect(text.contains(#"millrace_dead_letters_total{stage="a\"b",reason="r"} 1.0"#))
    #expect(text.contains(#"messaging_process_duration_seconds_bucket{stage="s",le="0.005"} 1"#))
    #expect(text.contains(#"messaging_process_duration_seconds_bucket{stage="s",le="+Inf"} 2"#))
    #expect(text.contains(#"messaging_process_duration_seconds_count{stage="s"} 2"#))
  }
}
