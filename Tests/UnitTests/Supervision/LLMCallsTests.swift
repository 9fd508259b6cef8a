import Stage
import Supervision
import Telemetry
import Testing

// Goal: `status` shows how the calls to the LLM ended. Method: metrics as a worker serves them.

@Suite struct LLMCallsTests {
  private func calls(_ ended: [(reason: String?, count: Int)]) -> LLMCalls {
    let metrics = MetricsRegistry()
    metrics.observe(.embeddingDuration, seconds: 1, [("gen_ai.operation.name", "embeddings")])
    for (reason, count) in ended {
      for _ in 0..<count {
        let error = reason == nil || reason == "unsupported" ? [] : [("error.type", reason ?? "")]
        if reason != "late" {
          metrics.observe(
            .modelDuration, seconds: 1,
            [("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "a \"b\"")] + error)
        }
        if let reason { metrics.increment(.generationFallbacks, [("reason", reason)]) }
      }
    }
    return LLMCalls(metrics: PrometheusText.render(metrics.collect()))
  }

  @Test("calls and fallbacks are counted by reason, and a failing LLM is recognized")
  func counts() {
    let none = calls([])
    #expect(none.count == 0 && none.fallbacks.isEmpty && none.summary == nil && !none.isFailing)
    let good = calls([(nil, 1)])
    #expect(good.summary == "LLM 1 call" && !good.isFailing)
    let mixed = calls([(nil, 7), ("refused", 2), ("unsupported", 3)])
    #expect(mixed.count == 12 && mixed.fallbacks == ["refused": 2, "unsupported": 3])
    #expect(
      mixed.summary == "LLM 12 calls, 41 % quoted instead: unsupported 3, refused 2" && !mixed.isFailing)
    let late = calls([("late", 4), (nil, 1)])
    #expect(late.count == 1 && late.isFailing && late.summary == "LLM 1 call, 80 % quoted instead: late 4")
    #expect(!calls([("unsupported", 9)]).isFailing, "the LLM answers")
    #expect(!calls([("timeout", 2)]).isFailing, "too few calls to tell")
    #expect(calls([("timeout", 3)]).isFailing)
  }

  @Test("a page without metrics of calls counts none")
  func garbage() {
    for page in ["", "404", "millrace_generation_fallbacks_total{reason=\"x\"} NaN", "a\nb c\n{} 1"] {
      #expect(LLMCalls(metrics: page).summary == nil, "\(page)")
    }
  }
}
