internal import CSandbox

/// The seccomp filter of this process.
package enum Sandbox {
  /// Allows no file to be opened, no program to be started and no connection to be made from now on.
  ///
  /// - Throws: `SandboxError.notStarted` where the kernel refuses the filter.
  package static func enter() throws(SandboxError) {
    let code = millrace_sandbox_enter()
    guard code == 0 else { throw .notStarted("the seccomp filter can't be set: errno \(-code)") }
  }

  package static var isFiltered: Bool { millrace_sandbox_is_filtered() == 1 }

  /// Tries what no parser may do.
  ///
  /// - Returns: for each try its name and errno; 0 where it succeeded.
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

  /// Tries to start another program, which ends this process where the filter is in place.
  ///
  /// - Returns: the errno of a try that this process has survived.
  package static func probeStart() -> Int { Int(millrace_sandbox_probe_exec()) }

  /// Ends this process by a signal after so many seconds; 0 takes the order back.
  package static func endAfter(seconds: Int) { _ = millrace_sandbox_alarm(UInt32(clamping: max(0, seconds))) }
}
