import Foundation
import Synchronization

/// Runs a reader of a binary format where it can do no harm: a process of its own with limits on memory, processor
/// time, wall time and output. A crash or a bomb in there is an error here.
enum ChildProcess {
  /// Blocks until the child ended; never called on Swift's cooperative pool.
  ///
  /// - Parameter arguments: `{}` stands for the path of a file that holds `input`.
  /// - Throws: `ParsingError`.
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
      try Data(input).write(to: file)
      (output, errors) = (Pipe(), Pipe())
      process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
      // `timeout` holds the wall clock even when this process is killed meanwhile.
      process.arguments =
        [
          "--signal=KILL", "\(seconds)", "prlimit", "--as=\(limits.memoryBytesMax)", "--cpu=\(seconds)",
          "--core=0", "--fsize=\(1 << 20)", tool,
        ] + arguments.map { $0 == "{}" ? file.path : $0 }
      process.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = errors
      try process.run()
    } catch {
      throw ParsingError("parser_unavailable", rule: "can't be read here: \(tool) does not start: \(error)")
    }
    // Both pipes are read at once: a child that complains a lot must not fill one while we read the other.
    let complaints = Complaints(errors.fileHandleForReading)
    var bytes: [UInt8] = []
    var isTooLong = false
    while let data = try? output.fileHandleForReading.read(upToCount: 1 << 16), !data.isEmpty {
      bytes += data
      if bytes.count > outputBytesMax {
        isTooLong = true
        process.terminate()
        break
      }
    }
    try? output.fileHandleForReading.close()
    process.waitUntilExit()
    if isTooLong {
      throw ParsingError(
        "too_long", rule: "must hold at most ingest.textBytesMax, \(outputBytesMax) bytes of text")
    }
    let status = process.terminationStatus
    if process.terminationReason == .exit, status == 0 { return bytes }
    if status == 137 || (process.terminationReason == .uncaughtSignal && status == SIGKILL) {
      throw ParsingError("parser_timeout", rule: "must be readable within ingest.parserTimeout, \(seconds) s")
    }
    if status == 127 || status == 126 {
      throw ParsingError(
        "parser_unavailable", rule: "can't be read here: \(tool) is missing (apt-get install poppler-utils)")
    }
    throw ParsingError(
      "unreadable", rule: "must be readable: \(tool) ended with status \(status) (\(complaints.text))")
  }

  /// The first line of a child's standard error.
  private final class Complaints {
    private let done = DispatchSemaphore(value: 0)
    private let store: Store

    private final class Store: Sendable {
      let bytes = Mutex(Data())
    }

    init(_ handle: FileHandle) {
      let store = Store()
      let done = done
      self.store = store
      let thread = Thread {
        while let data = try? handle.read(upToCount: 1 << 12), !data.isEmpty {
          store.bytes.withLock { if $0.count < 1 << 12 { $0 += data } }
        }
        done.signal()
      }
      thread.start()
    }

    var text: String {
      done.wait()
      let line =
        String(decoding: store.bytes.withLock { $0 }, as: UTF8.self).split(separator: "\n").first
        ?? "no message"
      return String(line.prefix(200))
    }
  }
}
