/// Which neighbours of a list of segments or tables, oldest first, are merged next. A value.
///
/// Sizes fall into tiers, each `fanout` times the one before. `fanout` members of one tier are merged into one of the
/// next, so each row is written once a tier: about log_fanout(all rows ÷ rows of the smallest tier) times.
package struct MergePolicy: Sendable {
  /// Members of a tier that are merged.
  package var fanout: Int
  /// Sizes up to this one are of one tier.
  package var smallest: Int
  /// Members beyond this are left alone.
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
      // A run in which nothing is larger than the tier.
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
