/// The numbers of list paragraphs in a DOCX file.
struct WordNumbering {
  private struct Level {
    var format = "bullet"
    var start = 1
  }

  /// By the id of a list: its levels.
  private var lists: [String: [Int: Level]] = [:]
  /// Which lists count on together.
  private var abstractIDs: [String: String] = [:]
  private var counters: [String: [Int: Int]] = [:]

  init(_ numbering: XMLNode?) {
    var abstract: [String: [Int: Level]] = [:]
    for node in numbering?.children ?? [] {
      switch node.name {
      case "abstractNum":
        var levels: [Int: Level] = [:]
        for level in node.children where level.name == "lvl" {
          var entry = Level()
          entry.format = level.first("numFmt")?.attribute("val") ?? "bullet"
          entry.start = level.first("start")?.attribute("val").flatMap { Int($0) } ?? 1
          levels[level.attribute("ilvl").flatMap { Int($0) } ?? 0] = entry
        }
        abstract[node.attribute("abstractNumId") ?? ""] = levels
      case "num":
        let id = node.attribute("numId") ?? ""
        let target = node.first("abstractNumId")?.attribute("val") ?? ""
        lists[id] = abstract[target]
        // A list with a start of its own counts for itself.
        abstractIDs[id] = node.first("lvlOverride") == nil ? target : "num \(id)"
      default: break
      }
    }
  }

  /// - Returns: "3. " for the third paragraph of a numbered list; "" for a bullet.
  mutating func next(_ list: String, level: Int) -> String {
    guard let levels = lists[list], let own = levels[level], (0...20).contains(level) else { return "" }
    let key = abstractIDs[list] ?? list
    var counts = counters[key] ?? [:]
    for deeper in counts.keys where deeper > level { counts[deeper] = nil }
    let number = counts[level].map { $0 &+ 1 } ?? own.start
    counts[level] = number
    counters[key] = counts
    switch own.format {
    case "bullet", "none": return ""
    case "lowerLetter": return HTMLReader.letters(number) + ". "
    case "upperLetter": return HTMLReader.letters(number).uppercased() + ". "
    case "lowerRoman": return HTMLReader.roman(number).lowercased() + ". "
    case "upperRoman": return HTMLReader.roman(number) + ". "
    default: return "\(number). "
    }
  }
}
