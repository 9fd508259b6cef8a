/// Why a model's reply ended. Servers have several words for the same reason.
package enum ChatFinish: String, Sendable {
  case stop
  /// The limit of tokens was reached.
  case length
  case contentFilter = "content_filter"
  /// The server gave up in the middle of the reply.
  case interrupted
  /// For example a tool call.
  case other
  /// The reply ended properly, but the server named no reason.
  case unknown

  /// - Returns: nil for a word that says that the reply goes on.
  init?(_ word: String) {
    switch word.lowercased() {
    case "", "null", "none": return nil
    case "stop", "stop_sequence", "eos", "eos_token", "end_turn": self = .stop
    case "length", "max_tokens", "max_output_tokens", "model_length": self = .length
    case "content_filter", "safety", "recitation", "sensitive", "blocklist", "prohibited_content":
      self = .contentFilter
    case "error", "abort", "network_error", "insufficient_system_resource", "repetition_truncation":
      self = .interrupted
    default: self = .other
    }
  }

  /// True if the reply may lack its end, so that its last sentence can't be trusted.
  package var isCut: Bool { self == .length || self == .contentFilter || self == .interrupted }
}
