internal import CSandbox
import Foundation
import Synchronization

/// A child process that has only its standard streams, the environment variables that the program names, limits and,
/// if the program asks for it, a seccomp filter. The methods block, so they must not be called on Swift's cooperative
/// pool, and only one thread may call them at a time. When this object is released, the process is killed and reaped.
@safe package final class SandboxedProcess {
  /// The source of the child's standard input.
  package enum Input {
    /// A pipe, filled by `write`.
    case pipe
    /// A file in memory, without a name, that holds these bytes.
    case file([UInt8])
  }

  /// How a process ended.
  package struct Ending: Sendable, Equatable {
    /// nil when a signal ended the process.
    package var status: Int?
    package var signal: Int?
    /// The first line that the process wrote to its standard error, at most 200 characters; "no message" if it wrote
    /// none.
    package var complaint: String
  }

  private static let complaintBytesMax = 4096
  /// The longest time between two checks for the cancellation of the task, in milliseconds.
  private static let tickMilliseconds: Int32 = 100

  private let process: pid_t
  private var input: Int32
  private let output: Int32
  private let errors: Int32
  private var complaint: [UInt8] = []
  private var isErrorsOpen = true
  private var ending: (status: Int?, signal: Int?)?

  /// - Throws: `SandboxError.notStarted`.
  package init(_ program: SandboxedProgram, input source: Input) throws(SandboxError) {
    let (toChild, toWrite) = try Self.source(source)
    defer { close(toChild) }
    let pipes: (output: (Int32, Int32), errors: (Int32, Int32))
    do throws(SandboxError) {
      pipes.output = try Self.pipe()
      do throws(SandboxError) {
        pipes.errors = try Self.pipe()
      } catch {
        close(pipes.output.0)
        close(pipes.output.1)
        throw error
      }
    } catch {
      if toWrite >= 0 { close(toWrite) }
      throw error
    }
    (input, output, errors) = (toWrite, pipes.output.0, pipes.errors.0)
    let words = [program.path] + program.arguments
    process = unsafe Self.withCStrings(words) { arguments in
      unsafe Self.withCStrings(program.environment) { environment in
        unsafe program.path.withCString { path in
          var request = unsafe millrace_sandbox_program(
            path: path, arguments: arguments, environment: environment, input: toChild,
            output: pipes.output.1, errors: pipes.errors.1,
            memory_bytes_max: UInt64(max(0, program.memoryBytesMax)),
            processor_seconds_max: UInt64(max(0, program.processorSecondsMax)),
            is_filtered: program.isFiltered ? 1 : 0)
          return unsafe millrace_sandbox_spawn(&request)
        }
      }
    }
    close(pipes.output.1)
    close(pipes.errors.1)
    guard process > 0 else {
      for descriptor in [input, output, errors] where descriptor >= 0 { close(descriptor) }
      input = -1
      ending = (nil, nil)
      throw .notStarted("\(program.path) does not start: \(Self.name(-process))")
    }
  }

  deinit {
    guard process > 0 else { return }
    if ending == nil {
      kill(process, SIGKILL)
      _ = collect(isWaiting: true)
    }
    if input >= 0 { close(input) }
    close(output)
    close(errors)
  }

  /// Writes to the child's standard input.
  ///
  /// - Throws: `SandboxError`.
  package func write(_ bytes: [UInt8], until limit: ContinuousClock.Instant) throws(SandboxError) {
    var position = 0
    while position < bytes.count {
      let written = unsafe bytes.withUnsafeBytes { buffer in
        // Writing to a closed pipe raises SIGPIPE, which would end this process if it is not ignored.
        Self.quietly {
          unsafe Foundation.write(input, buffer.baseAddress?.advanced(by: position), buffer.count - position)
        }
      }
      if written > 0 {
        position += written
      } else if errno == EAGAIN || errno == EINTR {
        try wait(input, POLLOUT, until: limit)
      } else {
        throw .ended
      }
    }
  }

  /// Closes the child's standard input.
  package func endInput() {
    if input >= 0 { close(input) }
    input = -1
  }

  /// Reads what the child has written to its standard output, at most `countMax` bytes of it.
  ///
  /// - Returns: at least one byte; an empty array at the end of the output.
  /// - Throws: `SandboxError`.
  package func read(atMost countMax: Int, until limit: ContinuousClock.Instant) throws(SandboxError)
    -> [UInt8]
  {
    while true {
      // Checked before every read: a child that always has output must not escape its limit.
      try check(limit)
      var got = 0
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: min(countMax, 1 << 18)) { buffer, count in
        got = unsafe Foundation.read(output, buffer.baseAddress, buffer.count)
        count = max(0, got)
      }
      if got >= 0 { return bytes }
      guard errno == EAGAIN || errno == EINTR else { throw .ended }
      try wait(output, POLLIN, until: limit)
    }
  }

  /// Waits for the end of a child that is expected to end by itself, and kills it at the limit.
  ///
  /// - Throws: `SandboxError`, after the process was killed.
  package func finish(until limit: ContinuousClock.Instant) throws(SandboxError) -> Ending {
    while collect(isWaiting: false) == nil {
      do throws(SandboxError) {
        try check(limit)
      } catch {
        _ = end()
        throw error
      }
      // Short, because a child usually ends within microseconds of closing its pipes.
      usleep(500)
    }
    return end()
  }

  /// Kills the process if it still runs.
  package func end() -> Ending {
    if ending == nil {
      kill(process, SIGKILL)
      _ = collect(isWaiting: true)
    }
    takeComplaint()
    let line = String(decoding: complaint, as: UTF8.self).split(separator: "\n").first ?? "no message"
    return Ending(status: ending?.status, signal: ending?.signal, complaint: String(line.prefix(200)))
  }

  /// Says how the process ended. It sends no signal before the process is reaped, so the result is the true cause.
  ///
  /// - Returns: nil while the process runs.
  package func endingIfAny() -> Ending? { collect(isWaiting: false) == nil ? nil : end() }

  private func collect(isWaiting: Bool) -> (status: Int?, signal: Int?)? {
    if let ending { return ending }
    var status: Int32 = 0
    var got = unsafe waitpid(process, &status, isWaiting ? 0 : WNOHANG)
    while got < 0, errno == EINTR { got = unsafe waitpid(process, &status, isWaiting ? 0 : WNOHANG) }
    guard got != 0 else { return nil }
    let signal = Int(status & 0x7F)
    ending = signal == 0 ? (Int(status >> 8) & 0xFF, nil) : (nil, signal)
    return ending
  }

  private func check(_ limit: ContinuousClock.Instant) throws(SandboxError) {
    if Task.isCancelled { throw .cancelled }
    if ContinuousClock.now >= limit { throw .tookTooLong }
  }

  /// Waits until the descriptor is ready. Meanwhile it reads the child's standard error, because the child would block
  /// once that pipe is full.
  private func wait(_ descriptor: Int32, _ event: Int32, until limit: ContinuousClock.Instant)
    throws(SandboxError)
  {
    while true {
      try check(limit)
      var entries = [pollfd(fd: descriptor, events: Int16(event), revents: 0)]
      if isErrorsOpen { entries.append(pollfd(fd: errors, events: Int16(POLLIN), revents: 0)) }
      let left = (limit - .now).components
      let milliseconds = left.seconds > 0 ? 1000 : Int32(left.attoseconds / 1_000_000_000_000_000)
      let ready = unsafe poll(
        &entries, nfds_t(entries.count), max(1, min(Self.tickMilliseconds, milliseconds)))
      if ready > 0, isErrorsOpen, entries[1].revents != 0 { takeComplaint() }
      if ready > 0, entries[0].revents != 0 { return }
    }
  }

  private func takeComplaint() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // At most 16 reads per call: a child that writes errors without end must not delay the check of its deadline.
    for _ in 0..<16 where isErrorsOpen {
      let got = unsafe Foundation.read(errors, &buffer, buffer.count)
      if got > 0 {
        complaint += buffer[0..<min(got, max(0, Self.complaintBytesMax - complaint.count))]
      } else {
        if got == 0 || (errno != EAGAIN && errno != EINTR) { isErrorsOpen = false }
        return
      }
    }
  }

  private static func source(_ source: Input) throws(SandboxError) -> (child: Int32, ours: Int32) {
    switch source {
    case .pipe:
      let ends = try ends()
      _ = fcntl(ends.write, F_SETFL, O_NONBLOCK)
      return (ends.read, ends.write)
    case .file(let bytes):
      let file = unsafe bytes.withUnsafeBytes {
        unsafe millrace_sandbox_memory_file($0.baseAddress, $0.count)
      }
      guard file >= 0 else { throw .notStarted("a file in memory can't be made: \(name(-file))") }
      return (file, -1)
    }
  }

  /// Makes a pipe for the child to write to. Its read end does not block.
  private static func pipe() throws(SandboxError) -> (Int32, Int32) {
    let ends = try ends()
    _ = fcntl(ends.read, F_SETFL, O_NONBLOCK)
    return (ends.read, ends.write)
  }

  private static func ends() throws(SandboxError) -> (read: Int32, write: Int32) {
    var ends: (read: Int32, write: Int32) = (-1, -1)
    let code = unsafe millrace_sandbox_pipe(&ends.read, &ends.write)
    guard code == 0 else { throw .notStarted("a pipe can't be made: \(name(-code))") }
    return ends
  }

  private static func name(_ code: Int32) -> String {
    POSIXErrorCode(rawValue: code).map { "\($0)" } ?? "errno \(code)"
  }

  /// Passes the words to `body` as a null-terminated array of C strings, which are valid only during the call.
  private static func withCStrings<Result>(
    _ words: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
  ) -> Result {
    let copies = unsafe words.map { unsafe strdup($0) }
    defer { unsafe copies.forEach { unsafe free($0) } }
    let pointers = unsafe copies.map { unsafe UnsafePointer($0) } + [nil]
    return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
  }

  /// Blocks SIGPIPE in this thread during a call, and discards the SIGPIPE that the call has caused.
  private static func quietly(_ body: () -> Int) -> Int {
    var (pipes, former) = (sigset_t(), sigset_t())
    unsafe sigemptyset(&pipes)
    unsafe sigaddset(&pipes, SIGPIPE)
    unsafe pthread_sigmask(SIG_BLOCK, &pipes, &former)
    let result = body()
    let code = errno
    if result < 0, code == EPIPE {
      var none = timespec()
      _ = unsafe sigtimedwait(&pipes, nil, &none)
    }
    unsafe pthread_sigmask(SIG_SETMASK, &former, nil)
    errno = code
    return result
  }
}

// Instances share no state, and only one thread at a time uses an instance.
extension SandboxedProcess: @unchecked Sendable {}
