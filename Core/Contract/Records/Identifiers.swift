/// Compares text by its bytes, as keys of records are: to Swift's own `==`, an é of one scalar and an é of two
/// are the same text, but they are two keys, on two partitions.
enum TextBytes {
  static func areEqual(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

  static func hash(_ text: String, into hasher: inout Hasher) {
    var word: UInt64 = 0
    var count = 0
    for byte in text.utf8 {
      word = word << 8 | UInt64(byte)
      count += 1
      guard count % 8 == 0 else { continue }
      hasher.combine(word)
      word = 0
    }
    hasher.combine(word)
    hasher.combine(count)
  }
}

/// A tenant's name: 1 to 64 of `A-Z a-z 0-9 . _ -`.
package struct TenantID: Sendable, Hashable, CustomStringConvertible {
  package let rawValue: String
  package static let rule = "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"
  package static let standard = TenantID(unchecked: "default")

  package init?(_ text: String) {
    guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(TenantID.isAllowed) else { return nil }
    rawValue = text
  }

  private init(unchecked text: String) { rawValue = text }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  package var description: String { rawValue }
  package static func == (a: TenantID, b: TenantID) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
}

/// The rule that document and query ids share: 1 to 512 bytes of UTF-8 without control characters.
enum IdentifierRule {
  static let sentence = "must be 1 to 512 bytes of UTF-8 without control characters"

  static func allows(_ text: String) -> Bool {
    (1...512).contains(text.utf8.count)
      && !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
  }
}

/// Who asks, or who may read: a name in a query's `principals` and in a document's `acl`. Compared and ordered
/// by bytes.
package struct Principal: Sendable, Hashable, Comparable {
  package let rawValue: String

  package init(_ name: String) { rawValue = name }

  package static func == (a: Principal, b: Principal) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
  package static func < (a: Principal, b: Principal) -> Bool {
    a.rawValue.utf8.lexicographicallyPrecedes(b.rawValue.utf8)
  }
}

/// A document's id within its tenant. Two ids are the same when their bytes are.
package struct DocumentID: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let rawValue: String
  package static let rule = IdentifierRule.sentence

  package init?(_ text: String) {
    guard IdentifierRule.allows(text) else { return nil }
    rawValue = text
  }

  package var description: String { rawValue }
  package static func == (a: DocumentID, b: DocumentID) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
  /// Byte order, which is the same in every client language.
  package static func < (a: DocumentID, b: DocumentID) -> Bool {
    a.rawValue.utf8.lexicographicallyPrecedes(b.rawValue.utf8)
  }
}

/// A query's id within its tenant. Two ids are the same when their bytes are.
package struct QueryID: Sendable, Hashable, CustomStringConvertible {
  package let rawValue: String
  package static let rule = IdentifierRule.sentence
  /// Stands for an id that has not been read yet.
  static let unread = QueryID(unchecked: "-")

  private init(unchecked text: String) { rawValue = text }

  package init?(_ text: String) {
    guard IdentifierRule.allows(text) else { return nil }
    rawValue = text
  }

  package var description: String { rawValue }
  package static func == (a: QueryID, b: QueryID) -> Bool { TextBytes.areEqual(a.rawValue, b.rawValue) }
  package func hash(into hasher: inout Hasher) { TextBytes.hash(rawValue, into: &hasher) }
}

/// A version of a document: the epoch of its topic and the offset of its record in `rag.documents`.
package struct Version: Sendable, Hashable, Comparable, CustomStringConvertible {
  package var epoch: UInt32
  package var offset: Int64

  package init(epoch: UInt32, offset: Int64) {
    self.epoch = epoch
    self.offset = offset
  }

  /// Reads `epoch.offset`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let epoch = UInt32(parts[0]), let offset = Int64(parts[1]), offset >= 0 else {
      return nil
    }
    self.init(epoch: epoch, offset: offset)
  }

  package var description: String { "\(epoch).\(offset)" }

  package static func < (a: Version, b: Version) -> Bool { (a.epoch, a.offset) < (b.epoch, b.offset) }
}

/// Where a record lies; written `topic-partition-offset` in headers and as the id of what has none.
package struct RecordPosition: Sendable, Hashable, CustomStringConvertible {
  package var topic: String
  package var partition: Int32
  package var offset: Int64

  package init(topic: String, partition: Int32, offset: Int64) {
    self.topic = topic
    self.partition = partition
    self.offset = offset
  }

  package var description: String { "\(topic)-\(partition)-\(offset)" }
}
