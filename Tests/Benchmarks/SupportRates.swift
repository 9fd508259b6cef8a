import Foundation
import Records
import Statements

/// `millrace-bench support < sentences.jsonl`: measures how often the rules of support catch an altered sentence, and
/// how often they keep a harmless rewording. `Tests/Scripts/support_alterations.py` makes the sentences.
enum SupportRates {
  private struct Line: Decodable {
    struct Source: Decodable {
      var text: String
      var heading: String?
    }
    var id: Int
    var group: String
    var kind: String
    var original: String
    var sentence: String
    var sources: [Source]
  }

  private struct Count {
    var kept = 0
    var replaced = 0
    var dropped = 0
    var total: Int { kept + replaced + dropped }
  }

  /// - Parameter words: `--show KIND` prints the wrong verdicts on a kind: altered or contradicting sentences that were
  ///   kept, other sentences that were not.
  static func run(_ words: [String]) throws {
    let shown = words.count > 1 && words[0] == "--show" ? words[1] : nil
    var counts: [String: [String: Count]] = [:]
    var seconds = 0.0
    var sentences = 0
    while let text = readLine() {
      let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
      let sources = line.sources.map { SupportSource($0.text, frames: [$0.heading ?? ""]) }
      let start = ContinuousClock.now
      let said = Statement(line.sentence)
      let verdicts = sources.map { Support.of(said, by: $0) }
      seconds += Bench.seconds(since: start)
      sentences += 1
      let (isKept, isPiece) = (verdicts.contains(.same), verdicts.contains(.piece))
      var count = counts[line.group, default: [:]][line.kind, default: Count()]
      if isKept { count.kept += 1 } else if isPiece { count.replaced += 1 } else { count.dropped += 1 }
      counts[line.group, default: [:]][line.kind] = count
      if line.kind == shown, isKept == (line.group == "altered" || line.kind == "CONTRADICT") {
        print("\(line.id) \(line.sentence)\n    \(line.original)")
        if !isKept { print("    \(verdicts)") }
      }
    }
    print("group       kind             sentences  kept  replaced  dropped")
    for (group, kinds) in counts.sorted(by: { $0.key < $1.key }) {
      for (kind, count) in kinds.sorted(by: { $0.key < $1.key }) { print(row(group, kind, count)) }
      let all = kinds.values.reduce(into: Count()) { sum, count in
        sum.kept += count.kept
        sum.replaced += count.replaced
        sum.dropped += count.dropped
      }
      print(
        row(group, "all", all)
          + String(format: "  kept %.2f %%", 100 * Double(all.kept) / Double(max(1, all.total))))
    }
    print("\(Bench.format(1e6 * seconds / Double(max(1, sentences)))) us a sentence with its sources read")
    let kept = { (group: String, kind: String) in
      counts[group]?[kind].map { Double($0.kept) / Double(max(1, $0.total)) } ?? 0
    }
    let altered = (counts["altered"] ?? [:]).values
    let caught =
      1 - Double(altered.reduce(0) { $0 + $1.kept }) / Double(max(1, altered.reduce(0) { $0 + $1.total }))
    if caught < 0.99 || kept("unaltered", "unaltered") < 1 || kept("scifact", "CONTRADICT") > 0.005 {
      print("the bars are missed: altered caught 99 %, unaltered kept 100 %, CONTRADICT kept at most 0.5 %")
      exit(1)
    }
  }

  private static func row(_ group: String, _ kind: String, _ count: Count) -> String {
    group.padding(toLength: 12, withPad: " ", startingAt: 0)
      + kind.padding(toLength: 16, withPad: " ", startingAt: 0)
      + String(format: "%10d %5d %9d %8d", count.total, count.kept, count.replaced, count.dropped)
  }
}
