/// What a supervisor tells the person who started it.
package enum SupervisorReport: Sendable {
  case warning(String)
  /// Every process is ready.
  ///
  /// - Parameters:
  ///   - endpoints: addresses by `kafka`, `redis` and `llm`, without secrets.
  ///   - state: path of the state folder.
  case ready(endpoints: [String: String], state: String)
}
