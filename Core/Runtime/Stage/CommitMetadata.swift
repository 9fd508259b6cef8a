import Foundation

/// The metadata of a commit, as text of at most 4,096 bytes:
///
///     ~1;<base>;<d or c>;<started>;<deaths>;<suspects>;<alone>;<guilty>;<note>;<bitmap>
///
/// The first character does not occur in base64: earlier releases wrote a bare base64 bitmap, and must not take this
/// text for one. Numbers are decimal. `base` is the committed offset; the text is ignored if it differs from the
/// commit's offset. `c` marks an orderly hand-over, `d` a commit of an owner that keeps working. `started`, `suspects`,
/// `alone` and `guilty` are relative to the base; `alone`, `guilty` and `note` may be empty. A question mark behind
/// `guilty` means that the record was in work alone at one death so far (earlier releases read such a field as empty).
/// Bit i of the bitmap (base64) says that offset base + i is finished.
struct CommitMetadata: Sendable, Equatable {
  /// The deaths of processes with records of the partition in work.
  struct Deaths: Sendable, Equatable {
    /// How many processes died in succession before the committed offset passed `end`. Deaths while a record was in
    /// work alone are not counted.
    var count = 0
    /// Records below this offset may have been in work at each of these deaths.
    var end: Int64 = 0
    /// The record that is in work alone.
    var alone: Int64?
    /// The record that was in work alone at the last death. One such death proves nothing: something that kills
    /// processes at random moments also does so while some record is in work alone.
    var suspect: Int64?
    /// The record that was in work alone at two deaths.
    var guilty: Int64?
  }

  private static let bitmapBytesMax = 2700

  var base: Int64
  var isHandedOver: Bool
  var startedEnd: Int64
  var deaths: Deaths
  var note: Int64?
  var finished: Set<Int64>

  init(
    base: Int64, isHandedOver: Bool, startedEnd: Int64, deaths: Deaths, note: Int64?, finished: Set<Int64>
  ) {
    self.base = base
    self.isHandedOver = isHandedOver
    self.startedEnd = startedEnd
    self.deaths = deaths
    self.note = note
    self.finished = finished
  }

  /// - Returns: nil when the text is not valid metadata for this offset. Then records beyond it that were finished are
  ///   worked on again.
  init?(_ text: String, base: Int64) {
    // The base is bounded so that no sum with an offset overflows.
    guard !text.isEmpty, (0...(1 << 61)).contains(base) else { return nil }
    guard text.hasPrefix("~") else {
      // The format of an earlier release, which does not record deaths.
      guard let bitmap = Data(base64Encoded: text) else { return nil }
      self.init(
        base: base, isHandedOver: true, startedEnd: base, deaths: Deaths(), note: nil,
        finished: Self.offsets(bitmap, base: base))
      return
    }
    let fields = text.split(separator: ";", omittingEmptySubsequences: false)
    guard fields.count == 10, fields[0] == "~1", Int64(fields[1]) == base, ["c", "d"].contains(fields[2]),
      let started = Self.distance(fields[3]), let count = Int(fields[4]), (0...1_000_000).contains(count),
      let suspects = Self.distance(fields[5]), let bitmap = Data(base64Encoded: String(fields[9])),
      bitmap.count <= Self.bitmapBytesMax
    else { return nil }
    func offset(_ field: Substring) -> Int64? { Self.distance(field).map { base + $0 } }
    let isSuspect = fields[7].hasSuffix("?")
    self.init(
      base: base, isHandedOver: fields[2] == "c", startedEnd: base + started,
      deaths: Deaths(
        count: count, end: count == 0 ? 0 : base + suspects, alone: offset(fields[6]),
        suspect: isSuspect ? offset(fields[7].dropLast()) : nil, guilty: offset(fields[7])),
      note: Int64(fields[8]).flatMap { (0...(1 << 60)).contains($0) ? $0 : nil },
      finished: Self.offsets(bitmap, base: base))
  }

  /// A distance from the base, bounded so that no sum with an offset overflows.
  private static func distance(_ field: Substring) -> Int64? {
    Int64(field).flatMap { (0...(1 << 40)).contains($0) ? $0 : nil }
  }

  private static func offsets(_ bitmap: Data, base: Int64) -> Set<Int64> {
    var offsets: Set<Int64> = []
    for (index, byte) in bitmap.enumerated() where byte != 0 {
      for bit in 0..<8 where byte & (1 << bit) != 0 { offsets.insert(base + Int64(index * 8 + bit)) }
    }
    return offsets
  }

  var text: String {
    func relative(_ offset: Int64?) -> String { offset.map { "\(max(0, $0 - base))" } ?? "" }
    let guilty = deaths.suspect.map { relative($0) + "?" } ?? relative(deaths.guilty)
    let fields = [
      "~1", "\(base)", isHandedOver ? "c" : "d", relative(startedEnd), "\(deaths.count)",
      relative(deaths.end),
      relative(deaths.alone), guilty, note.map { "\($0)" } ?? "", bitmap,
    ]
    return fields.joined(separator: ";")
  }

  /// Finished offsets that do not fit into the bitmap are worked on again by the next owner.
  private var bitmap: String {
    let (end, isTooLong) = base.addingReportingOverflow(Int64(Self.bitmapBytesMax * 8))
    guard !isTooLong, let last = finished.lazy.filter({ $0 < end }).max(), last >= base else { return "" }
    var bitmap = [UInt8](repeating: 0, count: Int(last - base) / 8 + 1)
    for offset in finished where offset >= base && offset < end {
      bitmap[Int(offset - base) / 8] |= 1 << UInt8((offset - base) % 8)
    }
    return Data(bitmap).base64EncodedString()
  }
}
