/// The key of a record in `rag.vectors`: `document@epoch.offset~digest#part`, or `…~<mark>#0`. For a version that was
/// read again: `document@epoch.offset~reading.digest#part`. A release that does not know readings takes
/// `reading.digest` for a digest, reads the record, and reports that its format is too new. It would silently ignore a
/// key whose version has three numbers.
///
/// A key belongs to one version and one chunking of one document. So a late writer never replaces the
/// record of another version or chunking.
package struct VectorKey: Sendable, Hashable, CustomStringConvertible {
  /// The chunking or the mark that the record belongs to.
  package enum Set: Sendable, Hashable {
    /// The hexadecimal digest of all chunks of the version.
    case chunks(digest: String)
    case mark(Mark)
  }

  package var document: DocumentKey
  package var version: Version
  package var set: Set
  package var part: UInt32

  package init(document: DocumentKey, version: Version, set: Set, part: UInt32) {
    self.document = document
    self.version = version
    self.set = set
    self.part = part
  }

  /// Reads a key from the right, because a document's id may contain any of the separators. The search is
  /// by bytes, because a separator and a combining mark after it form one character.
  package init?(bytes: [UInt8]?) {
    guard let bytes, let hash = bytes.lastIndex(of: UInt8(ascii: "#")),
      let tilde = bytes[..<hash].lastIndex(of: UInt8(ascii: "~")),
      let at = bytes[..<tilde].lastIndex(of: UInt8(ascii: "@")),
      let part = UInt32(String(decoding: bytes[(hash + 1)...], as: UTF8.self)),
      let text = String(validating: bytes[(at + 1)..<tilde], as: UTF8.self),
      text.split(separator: ".").count == 2,
      let suffix = String(validating: bytes[(tilde + 1)..<hash], as: UTF8.self),
      let (version, name) = Self.version(text, suffix),
      let document = try? DocumentKey(bytes: Array(bytes[..<at]))
    else { return nil }
    self.init(
      document: document, version: version, set: Mark(rawValue: name).map(Set.mark) ?? .chunks(digest: name),
      part: part)
    // `+5` and `05` are numbers too, but `description` never writes them. They would be a second key of the
    // same part.
    guard self.bytes == bytes else { return nil }
  }

  /// Moves a reading from the suffix to the version. Returns the version, and the rest of the suffix: a digest or mark.
  private static func version(_ text: String, _ suffix: String) -> (Version, String)? {
    guard let dot = suffix.firstIndex(of: ".") else { return Version(text).map { ($0, suffix) } }
    return Version("\(text).\(suffix[..<dot])").map { ($0, String(suffix[suffix.index(after: dot)...])) }
  }

  package var description: String {
    let name =
      switch set {
      case .chunks(let digest): digest
      case .mark(let mark): mark.rawValue
      }
    let reading = version.reading == 0 ? "" : "\(version.reading)."
    return "\(document)@\(version.epoch).\(version.offset)~\(reading)\(name)#\(part)"
  }
  package var bytes: [UInt8] { Array(description.utf8) }
}
