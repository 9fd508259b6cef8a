import Foundation

/// Extracts the `data` of each event from a stream of server-sent events. The stream is fed in pieces of
/// any size.
package struct ServerSentEvents: Sendable {
  /// A longer line is cut, and sets `isBroken`.
  private static let lineBytesMax = 1 << 20
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
  private var line: [UInt8] = []
  private var isFirstLine = true
  private var event: [String] = []
  private var endedWithReturn = false
  package private(set) var isBroken = false

  package init() {}

  /// - Returns: the `data` of the events that are complete now.
  package mutating func feed(_ bytes: [UInt8]) -> [String] {
    var events: [String] = []
    for byte in bytes {
      if byte == 0x0A, endedWithReturn {
        endedWithReturn = false
        continue
      }
      endedWithReturn = byte == 0x0D
      guard byte == 0x0A || byte == 0x0D else {
        if line.count < Self.lineBytesMax { line.append(byte) } else { isBroken = true }
        continue
      }
      endLine(&events)
    }
    return events
  }

  /// Ends the stream. Some servers send no blank line after their last event, or not even a line break.
  ///
  /// - Returns: the `data` of the last event, if the stream ended before its blank line.
  package mutating func finish() -> [String] {
    var events: [String] = []
    if !line.isEmpty { endLine(&events) }
    endLine(&events)
    return events
  }

  private mutating func endLine(_ events: inout [String]) {
    if isFirstLine, line.starts(with: Self.byteOrderMark) { line.removeFirst(Self.byteOrderMark.count) }
    isFirstLine = false
    if line.isEmpty {
      if !event.isEmpty { events.append(event.joined(separator: "\n")) }
      event = []
    } else if line.starts(with: "data:".utf8) {
      let text = line.dropFirst(line.count > 5 && line[5] == 0x20 ? 6 : 5)
      event.append(String(decoding: text, as: UTF8.self))
    }
    line = []
  }
}
