/// A message of the supervisor for the user.
package enum SupervisorReport: Sendable {
  case warning(String)
  /// Every process is ready.
  ///
  /// - Parameters:
  ///   - endpoints: addresses by `kafka`, `redis` and `llm`, without secrets.
  ///   - state: path of the state folder.
  case ready(endpoints: [String: String], state: String)
}
