/// The bounds of numbers in records. Within them, readers can add and subtract without overflow.
enum WireBounds {
  static let numberMax: Int64 = 1 << 53

  /// Checks a byte range in a document's text.
  ///
  /// - Throws: `WireError` when the range is reversed or beyond `numberMax`.
  static func check(start: UInt64, end: UInt64) throws(WireError) {
    guard start <= end, end <= UInt64(numberMax) else {
      throw WireError(position: 0, rule: "an impossible text range, from byte \(start) to byte \(end)")
    }
  }

  /// Checks a time since 1970 in any unit.
  ///
  /// - Throws: `WireError` when the time is negative or beyond `numberMax`.
  static func check(_ name: String, time: Int64) throws(WireError) {
    guard (0...numberMax).contains(time) else {
      throw WireError(position: 0, rule: "\(name) is \(time), not from 0 to \(numberMax)")
    }
  }
}
