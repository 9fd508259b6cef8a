/// Removes a model's thoughts from its text: what stands between `<think>` and `</think>`, and everything before a
/// `</think>` that nothing opened. A value without I/O, fed with pieces of any size.
package struct ThoughtFilter: Sendable {
  /// In lower case. The prompt contains none of them, see `UntrustedText`.
  private static let tags: [(bytes: [UInt8], isClosing: Bool)] = [
    "<think>", "<thinking>", "<thought>", "<thoughts>", "<reasoning>", "<seed:think>", "[think]",
  ].flatMap { name in
    [
      (bytes: Array(name.utf8), isClosing: false),
      (bytes: Array("\(name.prefix(1))/\(name.dropFirst())".utf8), isClosing: true),
    ]
  }

  private enum Found {
    case none
    /// The text ends with what may be the start of a tag.
    case begun
    case whole(byteCount: Int, isClosing: Bool)
  }

  /// The end of the text so far, if it may be the start of a tag.
  private var pending: [UInt8] = []
  private var isThinking = false
  private var hasOpened = false
  private var hasGiven = false
  private var isHolding: Bool
  private var held = ""
  /// True once a closing tag came that no tag had opened.
  package private(set) var endedUnopened = false

  /// - Parameter holdsBack: if true, no text is given out before the first closing tag or the end. It is for a model
  ///   that is known to think without an opening tag.
  package init(holdsBack: Bool = false) { isHolding = holdsBack }

  /// - Returns: the text that is no thought, as far as that is known now.
  package mutating func feed(_ piece: String) -> [ChatEvent] {
    pending += Array(piece.utf8)
    var events: [ChatEvent] = []
    var start = 0
    var index = 0
    search: while index < pending.count {
      switch Self.tag(in: pending, at: index) {
      case .none: index += 1
      case .begun: break search
      case .whole(let byteCount, let isClosing):
        give(pending[start..<index], &events)
        if isClosing { close(&events) } else { open() }
        index += byteCount
        start = index
      }
    }
    give(pending[start..<index], &events)
    pending.removeFirst(index)
    return events
  }

  /// Ends the text and returns the rest of it. A thought that is still open is dropped.
  package mutating func finish() -> [ChatEvent] {
    var events: [ChatEvent] = []
    give(pending[...], &events)
    pending = []
    if isHolding, !isThinking, !held.isEmpty {
      isHolding = false
      emit(held, &events)
    }
    return events
  }

  private static func tag(in bytes: [UInt8], at index: Int) -> Found {
    guard bytes[index] == UInt8(ascii: "<") || bytes[index] == UInt8(ascii: "[") else { return .none }
    var hasBegun = false
    for tag in tags {
      guard zip(tag.bytes, bytes[index...]).allSatisfy({ $0 == lowercase($1) }) else { continue }
      if bytes.count - index >= tag.bytes.count {
        return .whole(byteCount: tag.bytes.count, isClosing: tag.isClosing)
      }
      hasBegun = true
    }
    return hasBegun ? .begun : .none
  }

  private static func lowercase(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 0x20 : byte
  }

  private mutating func open() {
    isThinking = true
    hasOpened = true
  }

  /// Ends a thought. Thoughts are not nested: an opening tag inside a thought has no effect. If a model does nest them,
  /// the text between the two closing tags is given out, and the second closing tag takes all text back (`.restart`).
  private mutating func close(_ events: inout [ChatEvent]) {
    if isHolding {
      if !hasOpened { endedUnopened = true }
      isHolding = false
      held = ""
    } else if isThinking {
      // The text before a thought and the text after it must not become one sentence.
      if hasGiven { events.append(.text("\n")) }
    } else {
      if !hasOpened { endedUnopened = true }
      if hasGiven { events.append(.restart) }
      hasGiven = false
    }
    isThinking = false
  }

  private mutating func give(_ bytes: ArraySlice<UInt8>, _ events: inout [ChatEvent]) {
    guard !isThinking, !bytes.isEmpty else { return }
    // Tags begin and end with ASCII, so a piece between two of them is whole UTF-8.
    let text = String(decoding: bytes, as: UTF8.self)
    if isHolding { held += text } else { emit(text, &events) }
  }

  private mutating func emit(_ text: String, _ events: inout [ChatEvent]) {
    hasGiven = true
    events.append(.text(text))
  }
}
