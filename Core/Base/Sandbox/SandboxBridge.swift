internal import CSandbox

/// The seccomp filter of this process.
package enum Sandbox {
  /// Sets the filter. From then on this process can't open files, start programs or make connections.
  ///
  /// - Throws: `SandboxError.notStarted` when the filter can't be set.
  package static func enter() throws(SandboxError) {
    let code = millrace_sandbox_enter()
    guard code == 0 else { throw .notStarted("the seccomp filter can't be set: errno \(-code)") }
  }

  package static var isFiltered: Bool { millrace_sandbox_is_filtered() == 1 }

  /// Attempts each action that a parser must not be able to do.
  ///
  /// - Returns: the errno of each attempt, by the attempt's name; 0 for an attempt that succeeded.
  package static func probe() -> [String: Int] {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = unsafe millrace_sandbox_probe(&bytes, bytes.count)
    let text = String(decoding: bytes.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    var tries: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2 { tries[String(words[0])] = Int(words[1]) }
    }
    return tries
  }

  /// Tries to start another program. If the filter is set, the kernel kills this process.
  ///
  /// - Returns: the errno of the attempt, if this process survives it.
  package static func probeStart() -> Int { Int(millrace_sandbox_probe_exec()) }

  /// Lets SIGALRM end this process after the given number of seconds; 0 cancels the alarm.
  package static func endAfter(seconds: Int) { _ = millrace_sandbox_alarm(UInt32(clamping: max(0, seconds))) }
}
