import Records
import Foundation
import Synchronization
import Time

/// Runs a reader of a binary format in a child process with limits on memory, processor time, wall time and
/// output. A crash or a decompression bomb in the child becomes an error here.
enum ChildProcess {
  /// Blocks until the child has ended, so it must not be called on Swift's cooperative pool. If the task is
  /// cancelled, the child is killed, and the error says nothing about the input.
  ///
  /// - Parameter arguments: `{}` stands for the path of a file that holds `input`.
  /// - Throws: `ParsingError` when the child can't be started, exceeds a limit or fails.
  static func run(
    _ tool: String, _ arguments: [String], input: [UInt8], limits: ParsingLimits, outputBytesMax: Int
  ) throws(ParsingError) -> [UInt8] {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    let output: Pipe
    let errors: Pipe
    let process = Process()
    let seconds = max(1, Int(limits.timeout.components.seconds))
    do {
      try PrivateFile.write(input, to: file.path)
      (output, errors) = (Pipe(), Pipe())
      process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
      // `timeout` enforces the wall-clock limit even if this process is killed meanwhile.
      process.arguments =
        [
          "--signal=KILL", "\(seconds)", "prlimit", "--as=\(limits.memoryBytesMax)", "--cpu=\(seconds)",
          "--core=0", "--fsize=\(1 << 20)", tool,
        ] + arguments.map { $0 == "{}" ? file.path : $0 }
      // OpenBLAS reserves memory for one thread per core when our own binary loads it. On many cores that is
      // more than the limit.
      process.environment = [
        "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1",
      ]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = errors
      try process.run()
    } catch {
      throw ParsingError(
        .machineFault, rule: "can't be read at the moment: \(tool) does not start: \(error)")
    }
    // Both pipes are read at the same time: a child blocks when it fills a pipe that nobody reads.
    let complaints = Reader(errors.fileHandleForReading, keeping: 1 << 12, stopsWhenFull: false)
    let text = Reader(output.fileHandleForReading, keeping: outputBytesMax, stopsWhenFull: true)
    while !text.waitForEnd(atMost: 0.1) {
      if Task.isCancelled { end(process) }
    }
    let bytes = text.bytes
    let isTooLong = bytes.count > outputBytesMax
    if isTooLong { end(process) }
    try? output.fileHandleForReading.close()
    process.waitUntilExit()
    if isTooLong {
      throw ParsingError(
        .tooLong, rule: "must hold at most ingest.textBytesMax, \(outputBytesMax) bytes of text")
    }
    let status = process.terminationStatus
    if process.terminationReason == .exit, status == 0 { return bytes }
    if status == 137 || (process.terminationReason == .uncaughtSignal && status == SIGKILL) {
      throw ParsingError(.parserTimeout, rule: "must be readable within ingest.parserTimeout, \(seconds) s")
    }
    if status == 125 {
      throw ParsingError(
        .machineFault, rule: "can't be read at the moment: \(complaints.firstLine)")
    }
    if status == 127 || status == 126 {
      throw ParsingError(
        .parserUnavailable, rule: "can't be read here: \(tool) is missing (apt-get install poppler-utils)")
    }
    let complaint = complaints.firstLine
    // Each tool reports a lack of memory in its own words before it ends with abort() or exit().
    if ["alloc", "memory"].contains(where: complaint.lowercased().contains) {
      throw ParsingError(
        .parserMemory,
        rule:
          "must be readable within ingest.parserMemoryBytesMax, \(limits.memoryBytesMax) bytes (\(complaint))"
      )
    }
    let name = tool.split(separator: "/").last ?? ""
    throw ParsingError(
      .unreadable, rule: "must be readable: \(name) ended with status \(status) (\(complaint))")
  }

  /// Kills the process group that `timeout` has made. SIGTERM would not work: a child inherits the signal
  /// mask of Foundation's threads, which blocks it.
  private static func end(_ process: Process) { kill(-process.processIdentifier, SIGKILL) }

  /// Reads a pipe to its end on a thread of its own.
  private final class Reader {
    private let done = DispatchSemaphore(value: 0)
    private let store = Store()

    private final class Store: Sendable {
      let bytes = Mutex<[UInt8]>([])
    }

    /// - Parameter stopsWhenFull: true stops reading once more than `limit` bytes were read, which the caller
    ///   checks. False reads to the end and drops the bytes beyond the limit.
    init(_ handle: FileHandle, keeping limit: Int, stopsWhenFull: Bool) {
      let (store, done) = (store, done)
      let thread = Thread {
        while let data = try? handle.read(upToCount: 1 << 16), !data.isEmpty {
          let isFull = store.bytes.withLock { bytes in
            if stopsWhenFull || bytes.count < limit { bytes += data }
            return bytes.count > limit
          }
          if isFull, stopsWhenFull { break }
        }
        done.signal()
      }
      thread.start()
    }

    /// - Returns: true if the pipe has reached its end.
    func waitForEnd(atMost seconds: Double) -> Bool { done.wait(timeout: .now() + seconds) == .success }

    var bytes: [UInt8] { store.bytes.withLock { $0 } }

    /// Waits for the pipe's end.
    var firstLine: String {
      done.wait()
      let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? "no message"
      return String(line.prefix(200))
    }
  }
}
