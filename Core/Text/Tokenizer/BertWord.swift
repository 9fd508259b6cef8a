/// A word that is being read, in its normal form.
struct BertWord {
  /// A longer word becomes one unknown token. Characters beyond the limit are counted but not kept: a document may be
  /// one word, and each of its marks would be sorted among all before it.
  static let characterMax = 100

  /// UTF-8 of the first characters.
  private(set) var bytes: [UInt8] = []
  private(set) var characterCount = 0
  /// The marks at the word's end, which are ordered by their combining class, and the byte offset where they begin.
  private var run: [(order: UInt8, bytes: ArraySlice<UInt8>)] = []
  private var runStart = 0

  mutating func append(_ ascii: UInt8) {
    endRun()
    if characterCount < Self.characterMax { bytes.append(ascii) }
    characterCount += 1
  }

  mutating func append(_ character: ArraySlice<UInt8>) {
    endRun()
    if characterCount < Self.characterMax { bytes += character }
    characterCount += 1
  }

  /// Appends a mark. Marks are ordered by combining class; marks of one class keep the order of the text.
  mutating func append(_ character: ArraySlice<UInt8>, order: UInt8) {
    characterCount += 1
    guard characterCount <= Self.characterMax else { return }
    if run.isEmpty { runStart = bytes.count }
    let place = run.firstIndex { $0.order > order } ?? run.count
    run.insert((order, character), at: place)
    bytes.removeSubrange(runStart...)
    for mark in run { bytes += mark.bytes }
  }

  /// Ends the run of marks: later marks are not ordered among them.
  mutating func endRun() { if !run.isEmpty { run.removeAll() } }

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    characterCount = 0
    endRun()
  }
}
