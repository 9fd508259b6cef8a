/// Numbers of records that readers add and subtract without a thought; JSON's readers keep them, too.
enum WireBounds {
  static let numberMax: Int64 = 1 << 53

  /// A byte range in a document's text.
  static func check(start: UInt64, end: UInt64) throws(WireError) {
    guard start <= end, end <= UInt64(numberMax) else {
      throw WireError(position: 0, rule: "a text from byte \(start) to byte \(end)")
    }
  }

  /// A time since 1970, whatever its unit.
  static func check(_ name: String, time: Int64) throws(WireError) {
    guard (0...numberMax).contains(time) else {
      throw WireError(position: 0, rule: "\(name) is \(time), out of 0 to \(numberMax)")
    }
  }
}
