import Pools
import Settings
import Testing

// Goal: two releases on one cluster never share a group. Method: prefixes that could give the same names.

@Suite struct GroupTests {
  private func names(_ flags: [String: String]) throws -> [String] {
    let settings = try Settings(SettingsTable(flags: flags))
    return ConsumerGroup.all(of: ShardLayout(count: 2)).map { settings.group($0) }
  }

  @Test("groups follow the prefix of the topics; the default prefix keeps their former names")
  func prefixes() throws {
    #expect(try names([:]).first == "rag-ingest")
    #expect(try names(["--kafka-topic-prefix": "tenant-a."]).first == "tenant-a.ingest")
    #expect(try names(["--kafka-group-prefix": "x."]).last == "x.search-2-1")
    var seen: [String: String] = [:]
    for prefix in ["", "rag.", "rag-", "rag--", "rag---", "rag", "rag-x", "a.", "a", "rag.rag-"] {
      for name in try names(["--kafka-topic-prefix": prefix]) {
        #expect(seen[name] == nil, "'\(prefix)' and '\(seen[name] ?? "")' share \(name)")
        seen[name] = prefix
      }
    }
  }

  @Test(
    "topics that share partition numbers must have equal counts, and there must be a partition for each shard"
  )
  func partitionCounts() {
    for (flag, value) in [
      ("--topics-chunks-partitions", "6"), ("--topics-answers-partitions", "12"), ("--search-shards", "13"),
    ] {
      #expect(throws: SettingsError.self) { try Settings(SettingsTable(flags: [flag: value])) }
    }
  }
}
