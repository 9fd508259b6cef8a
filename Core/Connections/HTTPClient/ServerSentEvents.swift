import Foundation

/// Extracts the `data` of each event from a stream of server-sent events. The stream is fed in pieces of
/// any size.
package struct ServerSentEvents: Sendable {
  /// A longer line is cut, and sets `isBroken`.
  private static let lineBytesMax = 1 << 20
  private var line: [UInt8] = []
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
      if line.isEmpty {
        if !event.isEmpty { events.append(event.joined(separator: "\n")) }
        event = []
      } else if line.starts(with: "data:".utf8) {
        let text = line.dropFirst(line.count > 5 && line[5] == 0x20 ? 6 : 5)
        event.append(String(decoding: text, as: UTF8.self))
      }
      line = []
    }
    return events
  }
}
