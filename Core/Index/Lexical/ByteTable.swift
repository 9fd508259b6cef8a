/// Numbers byte strings from 0, in the order in which they are inserted. A value.
struct ByteTable {
  private var slots: [UInt32]
  private var hashes: [UInt32] = []
  private var ends: [Int] = [0]
  private var bytes: [UInt8] = []
  /// Random, so that nobody can write a document with strings whose hashes collide.
  private let seed: UInt64

  init() {
    seed = .random(in: .min ... .max)
    slots = [UInt32](repeating: 0, count: 1 << 12)
  }

  var count: Int { hashes.count }
  var byteCount: Int { bytes.count + hashes.count * 20 }

  func string(_ number: Int) -> [UInt8] { Array(bytes[ends[number]..<ends[number + 1]]) }

  private func hash(_ text: [UInt8], _ range: Range<Int>, _ kind: UInt8) -> UInt32 {
    var state = (seed ^ UInt64(kind)) &* 0x100_0000_01B3
    for index in range { state = (state ^ UInt64(text[index])) &* 0x9E37_79B9_7F4A_7C15 ^ (state >> 29) }
    state = (state ^ (state >> 32)) &* 0xD6E8_FEB8_6659_FD93
    return UInt32(truncatingIfNeeded: state >> 32)
  }

  private func isEqual(_ number: Int, _ text: [UInt8], _ range: Range<Int>, _ kind: UInt8) -> Bool {
    let start = ends[number]
    guard ends[number + 1] - start == range.count + 1, bytes[start] == kind else { return false }
    var place = start + 1
    for index in range {
      if bytes[place] != text[index] { return false }
      place += 1
    }
    return true
  }

  /// - Parameter kind: a byte that is stored before the string. The same string has another number for each kind.
  func find(_ text: [UInt8], _ range: Range<Int>, kind: UInt8) -> Int? {
    let hash = hash(text, range, kind)
    var slot = Int(hash) & (slots.count - 1)
    while slots[slot] != 0 {
      let number = Int(slots[slot]) - 1
      if hashes[number] == hash, isEqual(number, text, range, kind) { return number }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// - Precondition: `find` has not found it.
  mutating func insert(_ text: [UInt8], _ range: Range<Int>, kind: UInt8) -> Int {
    if 2 * hashes.count >= slots.count { grow() }
    let number = hashes.count
    hashes.append(hash(text, range, kind))
    bytes.append(kind)
    bytes += text[range]
    ends.append(bytes.count)
    place(number)
    return number
  }

  private mutating func place(_ number: Int) {
    var slot = Int(hashes[number]) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = UInt32(number + 1)
  }

  private mutating func grow() {
    slots = [UInt32](repeating: 0, count: slots.count * 2)
    for number in hashes.indices { place(number) }
  }
}
