/// The numbers of list paragraphs and headings in a DOCX file.
struct WordNumbering {
  private struct Level {
    var format = "bullet"
    var start = 1
    /// The pattern of the shown number: "%1.%2)".
    var pattern = ""
  }

  /// A paragraph's number, and the list that it counts in.
  struct Number {
    /// "3.", "2.1"; empty for a bullet.
    var text: String
    /// Identifies one run of numbers: different for each list and level, and each time that a level starts again.
    var run: Int
  }

  /// The levels of each list, by the list's ID.
  private var lists: [String: [Int: Level]] = [:]
  /// The key of each list's counters: lists of the same abstract list share them.
  private var abstractIDs: [String: String] = [:]
  private var counters: [String: [Int: Int]] = [:]
  private var runs: [String: [Int: Int]] = [:]
  private var runCount = 0
  private static let levelsMax = 20
  private static let patternMax = 100

  init(_ numbering: XMLNode?) {
    var abstract: [String: [Int: Level]] = [:]
    for node in numbering?.children ?? [] {
      switch node.name {
      case "abstractNum": abstract[node.attribute("abstractNumId") ?? ""] = Self.levels(of: node)
      case "num":
        let id = node.attribute("numId") ?? ""
        let target = node.first("abstractNumId")?.attribute("val") ?? ""
        var levels = abstract[target] ?? [:]
        var isOwn = false
        for change in node.children where change.name == "lvlOverride" {
          isOwn = true
          levels.merge(Self.levels(of: change)) { $1 }
          let index = change.attribute("ilvl").flatMap { Int($0) } ?? 0
          if let start = change.first("startOverride")?.attribute("val").flatMap({ Int($0) }) {
            levels[index, default: Level()].start = start
          }
        }
        lists[id] = levels
        // A list that overrides levels has counters of its own.
        abstractIDs[id] = isOwn ? "num \(id)" : target
      default: break
      }
    }
  }

  private static func levels(of node: XMLNode) -> [Int: Level] {
    var levels: [Int: Level] = [:]
    for level in node.children where level.name == "lvl" {
      var entry = Level()
      entry.format = level.first("numFmt")?.attribute("val") ?? "bullet"
      entry.start = level.first("start")?.attribute("val").flatMap { Int($0) } ?? 1
      entry.pattern = BlockBuilder.cut(level.first("lvlText")?.attribute("val") ?? "", bytesMax: patternMax)
      levels[level.attribute("ilvl").flatMap { Int($0) } ?? 0] = entry
    }
    return levels
  }

  /// Counts a paragraph and returns its number.
  ///
  /// - Returns: nil for an unknown list or level.
  mutating func next(_ list: String, level: Int) -> Number? {
    guard let levels = lists[list], let own = levels[level], (0...Self.levelsMax).contains(level) else {
      return nil
    }
    let key = abstractIDs[list] ?? list
    var counts = counters[key] ?? [:]
    for deeper in counts.keys where deeper > level { counts[deeper] = nil }
    if counts[level] == nil {
      runCount += 1
      runs[key, default: [:]][level] = runCount
    }
    counts[level] = counts[level].map { $0 &+ 1 } ?? own.start
    counters[key] = counts
    let run = runs[key]?[level] ?? 0
    guard own.format != "bullet", own.format != "none" else { return Number(text: "", run: run) }
    var text = own.pattern.isEmpty ? "%\(level + 1)." : own.pattern
    for index in (0...level).reversed() where text.contains("%\(index + 1)") {
      let number = counts[index] ?? levels[index]?.start ?? 1
      text = text.replacing("%\(index + 1)", with: Self.shown(number, levels[index]?.format ?? "decimal"))
    }
    return Number(text: text, run: run)
  }

  private static func shown(_ number: Int, _ format: String) -> String {
    switch format {
    case "lowerLetter": HTMLReader.letters(number)
    case "upperLetter": HTMLReader.letters(number).uppercased()
    case "lowerRoman": HTMLReader.roman(number).lowercased()
    case "upperRoman": HTMLReader.roman(number)
    case "decimalZero": number < 10 && number >= 0 ? "0\(number)" : "\(number)"
    default: "\(number)"
    }
  }
}
