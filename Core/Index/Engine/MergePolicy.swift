/// Chooses which neighbours in a list of segments or tables, oldest first, are merged next. A value.
///
/// Sizes fall into tiers; the limit of each is `fanout` times that of the one before. `fanout` members of one tier are
/// merged into one of the next, so each row is written once in each tier: about log_fanout(all rows ÷ rows of the
/// smallest tier) times.
package struct MergePolicy: Sendable {
  /// How many members of a tier are merged at a time.
  package var fanout: Int
  /// The limit of the lowest tier.
  package var smallest: Int
  /// Larger members are not merged.
  package var largest: Int

  package init(fanout: Int, smallest: Int, largest: Int) {
    self.fanout = fanout
    self.smallest = smallest
    self.largest = largest
  }

  func tier(_ size: Int) -> Int {
    var (tier, limit) = (0, smallest)
    while size > limit {
      tier += 1
      limit *= fanout
    }
    return tier
  }

  /// - Returns: nil when nothing is worth merging. Smaller members between the chosen ones are merged with them.
  package func next(_ sizes: [Int]) -> Range<Int>? {
    let tiers = sizes.map { $0 > largest ? Int.max : tier($0) }
    for tier in Set(tiers).sorted() where tier != .max {
      // Look for `fanout` members of the tier with no member of a higher tier between them.
      var (start, members) = (0, 0)
      for index in tiers.indices {
        if tiers[index] > tier {
          (start, members) = (index + 1, 0)
        } else if tiers[index] == tier {
          members += 1
          if members == fanout { return start..<index + 1 }
        }
      }
    }
    return nil
  }
}
