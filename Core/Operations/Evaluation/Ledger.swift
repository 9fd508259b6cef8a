import KafkaClient
import Pools
import Records
import Settings
import Stage

/// Joins accepted records with their states, in bounded memory: if the records do not fit, the topics are read in
/// several passes.
package struct Ledger: Sendable {
  package static let documentsMaxDefault: Int64 = 128_000_000
  package static let queriesMaxDefault: Int64 = 4_000_000
  private static let isRecord: UInt8 = 1
  /// Set for a document in flight whose vectors are written. No terminal state of documents uses this bit.
  private static let isInSearch: UInt8 = 32
  private static let isInFlight: UInt8 = 64
  private static let isRepeated: UInt8 = 128

  private let settings: Settings
  /// How many offsets of `rag.documents` one pass holds, at 1 byte each, whether finished or in flight.
  package var documentsMax = Self.documentsMaxDefault
  /// How many queries one pass holds, at about 100 bytes each while their table grows.
  package var queriesMax = Self.queriesMaxDefault

  package init(settings: Settings) { self.settings = settings }

  private static let documentStates: [(name: String, bit: UInt8)] = [
    ("indexed", 2), ("deleted", 4), ("failed", 8), ("superseded", 16),
  ]

  /// Counts the versions of documents by their terminal state, or by the stage at which they wait.
  ///
  /// A version is a partition and an offset of `rag.documents`: one byte per offset holds its flags.
  ///
  /// - Throws: `KafkaFailure` when a group's offsets or a topic can't be read.
  package func documents(since: LedgerSpan?) async throws -> Account {
    var account = Account(
      kind: "documents", states: Self.documentStates, stages: Pool.documentFlow.map(\.stage))
    // By default, leave out records that are almost as old as the retention of the states: their states may be deleted.
    let kept = LedgerSpan(
      milliseconds: max(retention(.documentStatus) / 2, retention(.documentStatus) - 3_600_000))
    let since = since ?? kept
    let all = partitions(.documents)
    // Read the groups' commits before the topics, and those of earlier stages before later ones: a record that moves
    // on meanwhile is then found at a later stage.
    let (ingested, embedded, reported) = try await withAdmin(
      settings.kafkaConfiguration(clientID: "millrace-ledger")
    ) { admin in
      let ingested = try await admin.committed(group: settings.group(.ingest), all).mapValues(\.nextOffset)
      let embedded = try await admin.committed(group: settings.group(.embedDocuments), partitions(.chunks))
        .mapValues(\.nextOffset)
      var reported: [TopicPartition: Int64] = [:]
      for shard in 0..<settings.search.shards {
        let group = ConsumerGroup.index(shard: shard, of: settings.search.layout)
        let mine = settings.partitions(of: group)
        reported.merge(try await admin.committed(group: settings.group(group), mine).mapValues(\.nextOffset))
        { $1 }
      }
      return (ingested, embedded, reported)
    }
    return try await withReader(settings.kafkaConfiguration(clientID: "millrace-ledger")) { reader in
      try await reader.assign(Dictionary(uniqueKeysWithValues: all.map { ($0, since.start) }))
      let starts = try await reader.currentPositions()
      let ends = try await reader.ends()
      for unit in units(starts, ends) {
        let table = VersionFlags(unit)
        try await read(reader, unit.map { ($0.key, $0.value.lowerBound) }) { record in
          // A tombstone only withdraws a request to read a document again. It makes no version.
          if RereadRequest.isKey(record.key), record.value == nil { return }
          table.mark(record.position.partition, record.position.offset, Self.isRecord)
        }
        try await readTails(reader, .chunks, embedded) { record in
          guard let value = record.value, let batch = try? ChunkBatch(wireBytes: value),
            batch.header.document.version.epoch == settings.ingest.epoch
          else { return }
          table.mark(record.position.partition, batch.header.document.version.acceptedAt, Self.isInFlight)
        }
        try await readTails(reader, .vectors, reported) { record in
          guard record.value != nil, let key = VectorKey(bytes: record.key),
            key.version.epoch == settings.ingest.epoch
          else { return }
          table.mark(record.position.partition, key.version.acceptedAt, Self.isInFlight | Self.isInSearch)
        }
        // Read the states last, so that records that were finished meanwhile count as finished.
        try await read(
          reader,
          unit.keys.map {
            (TopicPartition(settings.topic(.documentStatus), $0.partition), since.startOfStates)
          }
        ) {
          record in
          guard let value = record.value, let status = try? StatusRecord(value: value) else { return }
          let bit = Self.documentStates.first { $0.name == status.state.rawValue }?.bit ?? 0
          if let version = status.version {
            guard version.epoch == settings.ingest.epoch else { return }
            table.mark(
              record.position.partition, version.acceptedAt, bit == 0 ? Self.isRecord : bit | Self.isRecord)
          } else if let offset = Self.offset(of: status.id) {
            table.mark(record.position.partition, offset, bit | Self.isRecord)
          }
        }
        for (partition, range) in unit {
          for offset in range {
            let flags = table[partition.partition, offset]
            let stage: UInt8 = flags & Self.isInSearch == 0 ? 0 : 1
            let isContradicted =
              flags & VersionFlags.isContradicted != 0 && Self.documentStates.contains { flags & $0.bit != 0 }
            count(
              flags, isContradicted: isContradicted, stage, Pool.documentFlow.dropFirst().map(\.stage),
              &account,
              Self.documentStates
            ) {
              offset >= ingested[partition] ?? 0 ? Pool.ingest.stage : nil
            } name: {
              "\(partition.topic)-\(partition.partition)-\(offset)"
            }
          }
        }
      }
      return account
    }
  }

  /// The ranges of offsets that each pass holds.
  private func units(_ starts: [TopicPartition: Int64], _ ends: [TopicPartition: Int64])
    -> [[TopicPartition: Range<Int64>]]
  {
    var units: [[TopicPartition: Range<Int64>]] = []
    var unit: [TopicPartition: Range<Int64>] = [:]
    var room = documentsMax
    for (partition, start) in starts.sorted(by: { $0.key.partition < $1.key.partition }) {
      var from = start
      while from < ends[partition] ?? 0 {
        if room == 0 {
          units.append(unit)
          (unit, room) = ([:], documentsMax)
        }
        let end = min(ends[partition] ?? 0, from + room)
        unit[partition] = from..<end
        room -= end - from
        from = end
      }
    }
    if !unit.isEmpty { units.append(unit) }
    return units
  }

  /// The offset in `topic-partition-offset`, the id of a record that has no version.
  private static func offset(of id: String) -> Int64? { id.split(separator: "-").last.flatMap { Int64($0) } }

  private static let queryStates: [(name: String, bit: UInt8)] = [
    ("answered", 2), ("refused", 4), ("expired", 8), ("cancelled", 16), ("failed", 32),
  ]

  /// Counts the queries by their terminal state, or by the stage at which they wait.
  ///
  /// - Throws: `KafkaFailure` when a group's offsets or a topic can't be read.
  package func queries(since: LedgerSpan?) async throws -> Account {
    var account = Account(
      kind: "queries", states: Self.queryStates,
      stages: Pool.queryFlow.map(\.stage))
    let all = partitions(.queries)
    let (embedded, searched, retrieved, generated) = try await withAdmin(
      settings.kafkaConfiguration(clientID: "millrace-ledger")
    ) { admin in
      let embedded = try await admin.committed(group: settings.group(.embedQueries), all).mapValues(
        \.nextOffset)
      var searched: [TopicPartition: Int64] = [:]
      for shard in 0..<settings.search.shards {
        let group = ConsumerGroup.search(shard: shard, of: settings.search.layout)
        let offsets = try await admin.committed(group: settings.group(group), settings.partitions(of: group))
          .mapValues(
            \.nextOffset)
        searched.merge(offsets, uniquingKeysWith: min)
      }
      let retrieved = try await admin.committed(group: settings.group(.retrieve), partitions(.candidates))
        .mapValues(\.nextOffset)
      let generated = try await admin.committed(group: settings.group(.generate), partitions(.prompts))
        .mapValues(
          \.nextOffset)
      return (embedded, searched, retrieved, generated)
    }
    return try await withReader(settings.kafkaConfiguration(clientID: "millrace-ledger")) { reader in
      let start = since?.start ?? .beginning
      try await reader.assign(Dictionary(uniqueKeysWithValues: all.map { ($0, start) }))
      let starts = try await reader.currentPositions()
      let ends = try await reader.ends()
      let total = starts.reduce(0) { $0 + max(0, (ends[$1.key] ?? 0) - $1.value) }
      let passes = UInt64(total / queriesMax) + 1
      for pass in 0..<passes {
        let table = QueryFlags { $0 % passes == pass }
        try await read(reader, starts.map { ($0.key, .offset($0.value)) }) { record in
          let isWaiting = record.position.offset >= embedded[record.topicPartition] ?? 0
          table.mark(
            Self.name(of: record), Self.isRecord | (isWaiting ? Self.isInFlight : 0),
            at: record.position,
            record.timestampMilliseconds)
        }
        for (stage, name, offsets) in [
          (1, TopicName.searches, searched), (2, .candidates, retrieved), (3, .prompts, generated),
        ] {
          try await readTails(reader, name, offsets) { record in
            guard let key = record.key else { return }
            table.markKnown(key, Self.isInFlight, stage: UInt8(stage))
          }
        }
        try await read(reader, partitions(.answers).map { ($0, since?.startOfAnswers ?? .beginning) }) {
          record in
          guard let key = record.key, let value = record.value, let answer = try? AnswerRecord(value: value),
            !answer.isVoid(appendedAtMilliseconds: record.timestampMilliseconds)
          else { return }
          table.markKnown(
            key, Self.queryStates.first { $0.name == answer.status.rawValue }?.bit ?? 0,
            at: record.timestampMilliseconds)
        }
        for entry in table.entries {
          count(
            entry.flags, isContradicted: entry.isContradicted, entry.stage, Pool.queryFlow.map(\.stage),
            &account,
            Self.queryStates
          ) {
            nil
          } name: {
            "\(settings.topic(.queries))-\(entry.partition)-\(entry.offset)"
          }
        }
      }
      return account
    }
  }

  /// The key of the query's answer; for a record without a readable ID, a name made from its position.
  private static func name(of record: ConsumerRecord) -> [UInt8] {
    guard let value = record.value, let key = QueryRecord.identity(of: value) else {
      return Array("-/\(record.position)".utf8)
    }
    return key.bytes
  }

  private func count(
    _ flags: UInt8, isContradicted: Bool, _ stage: UInt8, _ stages: [String], _ account: inout Account,
    _ states: [(name: String, bit: UInt8)], waiting: () -> String?, name: () -> String
  ) {
    guard flags & Self.isRecord != 0 else { return }
    account.accepted += 1
    let state = states.first { flags & $0.bit != 0 }
    if flags & Self.isRepeated != 0 { account.repeats += 1 }
    if isContradicted {
      account.contradicted += 1
      account.note("\(name()): \(state?.name ?? ""), and another state later")
    }
    if let state {
      account.finished[state.name, default: 0] += 1
    } else if let stage = waiting() ?? (flags & Self.isInFlight != 0 ? stages[Int(stage)] : nil) {
      account.inFlight[stage, default: 0] += 1
    } else {
      account.lost += 1
      account.note("\(name()): no state, and not waiting on any topic")
    }
  }

  private func partitions(_ name: TopicName) -> [TopicPartition] {
    (0..<settings.partitionCount(name)).map { TopicPartition(settings.topic(name), $0) }
  }

  private func retention(_ name: TopicName) -> Int64 {
    settings.topics.first { $0.topic == name }?.settings["retention.ms"].flatMap { Int64($0) } ?? .max / 2
  }

  private func read(
    _ reader: ReplayReader, _ starts: [(TopicPartition, ReplayReader.Start)],
    _ body: @Sendable (ConsumerRecord) -> Void
  ) async throws {
    guard !starts.isEmpty else { return }
    try await reader.assign(Dictionary(starts) { first, _ in first })
    try await reader.readToEnd(limit: .seconds(86_400)) { for record in $0 { body(record) } }
  }

  private func read(
    _ reader: ReplayReader, _ starts: [(TopicPartition, Int64)], _ body: @Sendable (ConsumerRecord) -> Void
  ) async throws {
    try await read(reader, starts.map { ($0.0, .offset($0.1)) }, body)
  }

  /// Reads the records of a topic between two pools that the consuming group has not committed.
  private func readTails(
    _ reader: ReplayReader, _ name: TopicName, _ committed: [TopicPartition: Int64],
    _ body: @Sendable (ConsumerRecord) -> Void
  ) async throws {
    // Retention may have deleted records after the commit: then begin at the start of the log.
    try await reader.assign(Dictionary(uniqueKeysWithValues: partitions(name).map { ($0, .beginning) }))
    let first = try await reader.currentPositions()
    try await read(
      reader, partitions(name).map { ($0, max(committed[$0] ?? 0, first[$0] ?? 0)) }, body)
  }
}
