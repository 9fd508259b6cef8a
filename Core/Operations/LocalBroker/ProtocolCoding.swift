/// Why a frame is no valid request; the connection is closed, as Kafka does.
struct ProtocolError: Error { var rule: String }

/// Kafka's error codes, those that we answer with.
enum ErrorCode: Int16 {
  case none = 0
  case offsetOutOfRange = 1
  case corruptMessage = 2
  case unknownTopicOrPartition = 3
  case messageTooLarge = 10
  case offsetMetadataTooLarge = 12
  case invalidTopic = 17
  case invalidRequiredAcks = 21
  case illegalGeneration = 22
  case inconsistentGroupProtocol = 23
  case invalidGroupID = 24
  case unknownMemberID = 25
  case invalidSessionTimeout = 26
  case rebalanceInProgress = 27
  case unsupportedVersion = 35
  case topicAlreadyExists = 36
  case invalidPartitions = 37
  case invalidReplicationFactor = 38
  case invalidReplicaAssignment = 39
  case invalidConfig = 40
  case invalidRequest = 42
  case outOfOrderSequenceNumber = 45
  case duplicateSequenceNumber = 46
  case invalidProducerEpoch = 47
  case transactionalIDAuthorizationFailed = 53
  case storageError = 56
  case nonEmptyGroup = 68
  case groupIDNotFound = 69
  case unsupportedCompressionType = 76
  case memberIDRequired = 79
  case invalidRecord = 87
}

/// Reads big-endian fields; every access is checked, so that no frame can trap.
struct ProtocolReader {
  private let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var remaining: Int { bytes.count - position }

  private mutating func take(_ count: Int) throws(ProtocolError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else { throw ProtocolError(rule: "the frame ends inside a field") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func integer(_ count: Int) throws(ProtocolError) -> UInt64 {
    try take(count).reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func int8() throws(ProtocolError) -> Int8 { Int8(truncatingIfNeeded: try integer(1)) }
  mutating func int16() throws(ProtocolError) -> Int16 { Int16(truncatingIfNeeded: try integer(2)) }
  mutating func int32() throws(ProtocolError) -> Int32 { Int32(truncatingIfNeeded: try integer(4)) }
  mutating func int64() throws(ProtocolError) -> Int64 { Int64(truncatingIfNeeded: try integer(8)) }
  mutating func bool() throws(ProtocolError) -> Bool { try int8() != 0 }

  mutating func nullableString() throws(ProtocolError) -> String? {
    let length = try int16()
    guard length >= 0 else { return nil }
    guard let text = String(validating: try take(Int(length)), as: UTF8.self) else {
      throw ProtocolError(rule: "a string is not UTF-8")
    }
    return text
  }

  mutating func string() throws(ProtocolError) -> String {
    guard let text = try nullableString() else { throw ProtocolError(rule: "a string is null") }
    return text
  }

  mutating func nullableData() throws(ProtocolError) -> [UInt8]? {
    let length = try int32()
    guard length >= 0 else { return nil }
    return Array(try take(Int(length)))
  }

  mutating func data() throws(ProtocolError) -> [UInt8] { try nullableData() ?? [] }

  /// An array; nil where the protocol allows null. Its count is bounded by what is left of the frame.
  mutating func nullableArray<Element>(
    _ element: (inout ProtocolReader) throws(ProtocolError) -> Element
  ) throws(ProtocolError) -> [Element]? {
    let count = try int32()
    guard count >= 0 else { return nil }
    guard Int(count) <= remaining else { throw ProtocolError(rule: "an array longer than its frame") }
    var items: [Element] = []
    for _ in 0..<count { items.append(try element(&self)) }
    return items
  }

  mutating func array<Element>(
    _ element: (inout ProtocolReader) throws(ProtocolError) -> Element
  ) throws(ProtocolError) -> [Element] { try nullableArray(element) ?? [] }

  private mutating func unsignedVarint() throws(ProtocolError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 35, by: 7) {
      let byte = try integer(1)
      value |= (byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw ProtocolError(rule: "a varint longer than five bytes")
  }

  /// Tagged fields of flexible versions; none is known here.
  mutating func skipTaggedFields() throws(ProtocolError) {
    let count = try unsignedVarint()
    guard count <= UInt64(remaining) else { throw ProtocolError(rule: "more tagged fields than bytes") }
    for _ in 0..<count {
      _ = try unsignedVarint()
      let length = try unsignedVarint()
      guard length <= UInt64(remaining) else { throw ProtocolError(rule: "a tagged field beyond the frame") }
      _ = try take(Int(length))
    }
  }
}

/// Writes big-endian fields, up to a limit: a short request may ask for the same thing any number of times.
struct ProtocolWriter {
  static let bytesMax = 128 << 20
  private(set) var bytes: [UInt8] = []
  /// What did not fit was dropped: the answer must not be sent.
  private(set) var hasOverflowed = false

  private mutating func hasRoom(_ count: Int) -> Bool {
    if bytes.count + count > Self.bytesMax { hasOverflowed = true }
    return !hasOverflowed
  }

  private mutating func integer(_ value: UInt64, _ count: Int) {
    guard hasRoom(count) else { return }
    for shift in stride(from: (count - 1) * 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  mutating func int8(_ value: Int8) { integer(UInt64(UInt8(bitPattern: value)), 1) }
  mutating func int16(_ value: Int16) { integer(UInt64(UInt16(bitPattern: value)), 2) }
  mutating func int32(_ value: Int32) { integer(UInt64(UInt32(bitPattern: value)), 4) }
  mutating func int64(_ value: Int64) { integer(UInt64(bitPattern: value), 8) }
  mutating func bool(_ value: Bool) { int8(value ? 1 : 0) }
  mutating func error(_ code: ErrorCode) { int16(code.rawValue) }

  mutating func string(_ value: String?) {
    guard let value else { return int16(-1) }
    int16(Int16(clamping: value.utf8.count))
    guard hasRoom(value.utf8.count) else { return }
    bytes.append(contentsOf: value.utf8.prefix(Int(Int16.max)))
  }

  mutating func data(_ value: [UInt8]?) {
    guard let value else { return int32(-1) }
    int32(Int32(clamping: value.count))
    guard hasRoom(value.count) else { return }
    bytes.append(contentsOf: value)
  }

  mutating func array<Element>(_ items: [Element], _ write: (inout ProtocolWriter, Element) -> Void) {
    int32(Int32(clamping: items.count))
    for item in items where !hasOverflowed { write(&self, item) }
  }

  mutating func unsignedVarint(_ value: Int) {
    var rest = UInt64(value)
    while rest >= 0x80 {
      integer(rest & 0x7F | 0x80, 1)
      rest >>= 7
    }
    integer(rest, 1)
  }
}
