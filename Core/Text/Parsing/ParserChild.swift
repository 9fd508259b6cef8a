import Foundation
import Sandbox

/// A process that reads documents of one tenant, one after another. It blocks while the child works.
final class ParserChild: Sendable {
  /// What a child has answered, or why there is no answer.
  enum Outcome {
    case reply(ParserReply)
    /// The child wrote an invalid reply.
    case strange
    case ended(SandboxedProcess.Ending)
  }

  private let process: SandboxedProcess

  /// - Throws: `SandboxError.notStarted`.
  init(_ program: SandboxedProgram) throws(SandboxError) {
    process = try SandboxedProcess(program, input: .pipe)
  }

  /// - Throws: `SandboxError.tookTooLong` or `.cancelled`; the child can't be used afterwards.
  func answer(_ request: ParserRequest, _ bytes: [UInt8], until limit: ContinuousClock.Instant)
    throws(SandboxError)
    -> Outcome
  {
    guard let head = try? JSONEncoder().encode(request) else { return .ended(process.end()) }
    do throws(SandboxError) {
      try process.write(ParserFrame.lengths(head: head.count, body: bytes.count) + head, until: limit)
      try process.write(bytes, until: limit)
      guard let lengths = ParserFrame.lengths(try read(ParserFrame.lengthBytes, until: limit)),
        // Decoding JSON takes about thirty times its length in memory, and this process has no memory limit.
        lengths.head <= ParserReply.headBytesMax, lengths.body <= request.textBytesMax,
        let reply = ParserReply(
          head: try read(lengths.head, until: limit), body: try read(lengths.body, until: limit))
      else { return .strange }
      return .reply(reply)
    } catch .ended {
      // The pipes close a moment before the process can be collected.
      return .ended((try? process.finish(until: .now + .seconds(1))) ?? process.end())
    }
  }

  /// - Throws: `SandboxError.ended` if the child's output ends early.
  private func read(_ count: Int, until limit: ContinuousClock.Instant) throws(SandboxError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let more = try process.read(atMost: count - bytes.count, until: limit)
      guard !more.isEmpty else { throw .ended }
      bytes += more
    }
    return bytes
  }
}
