import CommandLine
import Engine
import Foundation
import HTTPClient
import KafkaClient
import LocalState
import Records
import Search
import Settings
import Stage
import Storage
import Supervision

/// `millrace index`: looks at, copies and merges the stored index of a search shard.
enum IndexCommand {
  private static let place: [Command.Option] = [
    .option("--path", "DIR", "the folder of the index (default: search.path, or that of the running `up`)"),
    .option(
      "--shard", "N",
      "the shard's number (default: all; restore: 0; snapshot needs it if there are several shards)"),
  ]

  static let command = Command(
    "index", abstract: "Look at, copy or merge the stored index of search shards.",
    discussion: """
      A search worker stores its index below search.path, in a folder for each shard. `status` asks the running worker
      of `up`; if there is none, it reads the stored state. After `down`, give --path STATE/index, and --search-shards
      if there were several. `verify` and `snapshot` read the newest stored state, also
      while the worker runs; later records are only in the worker's memory. For `restore` the shard's worker must be
      stopped. A worker that starts from a restored index then reads the later records from the topic.
      """,
    subcommands: [
      Command(
        "status", abstract: "Show segments, vectors, offsets, lag, memory and mapped files of each shard.",
        options: place, action: status),
      Command(
        "verify", abstract: "Read every byte and check that the catalog and the segments agree.",
        options: place, action: verify),
      Command(
        "snapshot", abstract: "Copy the newest stored state to an empty folder.", arguments: "DIR",
        options: place, action: snapshot),
      Command(
        "restore", abstract: "Replace a shard's index by a snapshot. The worker must be stopped.",
        arguments: "DIR", options: place, action: restore),
      Command(
        "compact", abstract: "Merge everything, so that no removed data is left on the disk.",
        options: place, action: compact),
    ])

  /// One shard's volume.
  private struct Volume {
    var shard: Int
    var disk: FolderDisk
  }

  private static func settings(_ arguments: ParsedArguments) throws -> Settings {
    try Configuration.settings(arguments, mustRun: false)
  }

  private static let noPath =
    "--path must name the folder of the index, because search.path is not set. For an `up` that has ended it is index "
    + "in its state folder; --search-shards must be the number of its shards"

  /// - Throws: `UsageError` when no folder is known or the shard doesn't exist.
  private static func volumes(_ settings: Settings, _ arguments: ParsedArguments) throws -> [Volume] {
    guard let path = arguments.value("--path") ?? settings.search.path else {
      throw UsageError(noPath)
    }
    let shards =
      try arguments.integer("--shard", in: 0...settings.search.shards - 1).map { [$0] }
      ?? Array(0..<settings.search.shards)
    return try shards.map { shard in
      let folder = SearchStage.volume(in: path, shard: shard, of: settings.search.layout)
      guard FileManager.default.fileExists(atPath: folder) else {
        throw UsageError("\(folder) does not exist: no worker of shard \(shard) has stored an index there")
      }
      return Volume(shard: shard, disk: try FolderDisk(folder))
    }
  }

  private static func volume(_ settings: Settings, _ arguments: ParsedArguments) throws -> Volume {
    let all = try volumes(settings, arguments)
    guard all.count == 1, let volume = all.first else {
      throw UsageError("--shard must name one of the shards 0 to \(settings.search.shards - 1)")
    }
    return volume
  }

  private static func folder(_ arguments: ParsedArguments) throws -> FolderDisk {
    guard arguments.positionals.count == 1, let path = arguments.positionals.first else {
      throw UsageError("give one folder")
    }
    return try FolderDisk(path)
  }

  private static func newest(_ disk: FolderDisk) throws -> Manifest {
    guard let number = try Manifest.numbers(disk).first else {
      throw StorageError(
        .missing, file: disk.path,
        "holds no stored index yet: a worker stores it within search.checkpointInterval")
    }
    return try Manifest(disk, number: number)
  }

  /// The status of the shard: from its worker if an `up` on this machine runs one, otherwise from the state stored on
  /// the volume.
  private static func report(_ volume: Volume, _ record: StateRecord?) throws -> JSONValue {
    let worker = record?.processes.first { $0.role == "search-\(volume.shard)" }
    if let port = worker?.httpPort, worker?.identity.isAlive == true,
      let answer = HTTPProbe.get(host: "127.0.0.1", port: port, path: ProbeService.statusPath),
      answer.0 == 200, let json = try? JSONReader.read(Array(answer.1.utf8))
    {
      return json
    }
    return try whileReplaced {
      let manifest = try newest(volume.disk)
      let engine = try IndexEngine(volume.disk, IndexOptions(model: manifest.model), manifest)
      return IndexReport(engine.status, nil).json
    }
  }

  /// Tries again when the worker has replaced the state that was being read and has removed its files.
  private static func whileReplaced<Result>(_ body: () throws -> Result) throws -> Result {
    for _ in 0..<20 {
      do { return try body() } catch let error as StorageError where error.code == .missing { continue }
    }
    return try body()
  }

  private static func status(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try settings(arguments)
    let record = try StateDirectory.find(arguments).read()
    var rows: [JSONValue] = []
    for volume in try volumes(settings, arguments) {
      let report = try report(volume, record)
      let lag = record?.isAlive == true ? await lag(settings, report) : nil
      if arguments.flag("--json") {
        rows.append(
          .object(
            [JSONMember(name: "shard", value: .int(volume.shard))]
              + (lag.map { [JSONMember(name: "lag", value: .int($0))] } ?? []) + (report.members ?? [])))
      } else {
        show(volume, report, lag)
      }
    }
    if arguments.flag("--json") { Terminal.print(JSONValue.array(rows).text) }
    return .success
  }

  /// How many records the log holds after the index's offsets; nil when the broker does not answer.
  private static func lag(_ settings: Settings, _ report: JSONValue) async -> Int64? {
    let topic = settings.topic(.vectors)
    let offsets = (report["partitions"]?.members ?? []).compactMap { member -> (TopicPartition, Int64)? in
      guard let partition = Int32(member.name), let next = member.value["next_offset"]?.numberText,
        let offset = Int64(next)
      else { return nil }
      return (TopicPartition(topic, partition), offset)
    }
    let admin = KafkaAdmin(settings.kafkaConfiguration(clientID: "millrace-index"))
    let ends = try? await admin.ends(offsets.map(\.0))
    await admin.close()
    return ends.map { ends in offsets.reduce(0) { $0 + max(0, (ends[$1.0] ?? 0) - $1.1) } }
  }

  private static func show(_ volume: Volume, _ report: JSONValue, _ lag: Int64?) {
    func number(_ name: String) -> String { report[name]?.numberText ?? "-" }
    func mebibytes(_ name: String) -> String {
      (Double(number(name)).map { $0 / 1_048_576 } ?? 0).formatted(.number.precision(.fractionLength(1)))
        + " MiB"
    }
    Terminal.print("shard \(volume.shard)  \(volume.disk.path)")
    Terminal.print(
      "  \(number("documents")) documents, \(number("rows")) vectors, \(number("head_rows")) of them in memory only; "
        + "stored state \(number("manifest")); lag \(lag.map(String.init) ?? "-")")
    Terminal.print("  memory \(mebibytes("memory_bytes")), mapped files \(mebibytes("mapped_bytes"))")
    for segment in report["segments"]?.arrayValue ?? [] {
      func value(_ name: String) -> String { segment[name]?.numberText ?? segment[name]?.stringValue ?? "-" }
      Terminal.print(
        "  \(value("name"))  \(value("panels"))  \(value("rows")) vectors, \(value("live_rows")) live; "
          + "\(value("documents")) documents, \(value("removed_documents")) removed; \(value("bytes")) bytes")
    }
    for member in report["partitions"]?.members ?? [] {
      Terminal.print(
        "  partition \(member.name)  next offset \(member.value["next_offset"]?.numberText ?? "-"), "
          + "documents-chunks-digest \(member.value["digest"]?.stringValue ?? "-")")
    }
  }

  private static func verify(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try settings(arguments)
    var isSound = true
    for volume in try volumes(settings, arguments) {
      do {
        let found = try whileReplaced { try IndexVerification(volume.disk, try newest(volume.disk)) }
        isSound = isSound && found.problems.isEmpty
        for problem in found.problems { Terminal.complain("shard \(volume.shard): \(problem)") }
        Terminal.print(
          "shard \(volume.shard): \(found.problems.isEmpty ? "sound" : "NOT SOUND"), \(found.documents) documents, "
            + "\(found.rows) vectors, \(found.bytes) bytes"
            + (found.missing.isEmpty
              ? "" : ", \(found.missing.count) documents without vectors: they have expired, or are lost"))
      } catch let error as StorageError {
        isSound = false
        Terminal.complain("shard \(volume.shard): \(error)")
      }
    }
    return isSound ? .success : .failure
  }

  private static func snapshot(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try settings(arguments)
    let target = try folder(arguments)
    let manifest = try IndexSnapshot.take(try volume(settings, arguments).disk, to: target)
    Terminal.print(
      "stored state \(manifest.number), \(manifest.visibleCount) documents, copied to \(target.path)")
    return .success
  }

  private static func restore(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try settings(arguments)
    let snapshot = try folder(arguments)
    guard let path = arguments.value("--path") ?? settings.search.path else {
      throw UsageError(noPath)
    }
    let shard = try arguments.integer("--shard", in: 0...settings.search.shards - 1) ?? 0
    // The volume's folder is created if it does not exist.
    let disk = try FolderDisk(SearchStage.volume(in: path, shard: shard, of: settings.search.layout))
    let lock = try VolumeLock(disk)
    let manifest = try IndexSnapshot.restore(snapshot, to: disk)
    withExtendedLifetime(lock) {
      Terminal.print(
        "stored state \(manifest.number), \(manifest.visibleCount) documents, restored to \(disk.path)")
    }
    return .success
  }

  private static func compact(_ arguments: ParsedArguments) async throws -> ExitCode {
    let settings = try settings(arguments)
    for volume in try volumes(settings, arguments) {
      if let lock = try lock(volume.disk) {
        try withExtendedLifetime(lock) { try compactHere(volume.disk, settings) }
      } else {
        // A worker uses the volume, so the worker must merge.
        try await ask(volume)
      }
      Terminal.print("shard \(volume.shard) is compacted")
    }
    return .success
  }

  /// - Returns: nil while another process uses the volume.
  private static func lock(_ disk: FolderDisk) throws -> VolumeLock? {
    do { return try VolumeLock(disk) } catch {
      guard error.code == .failed else { throw error }
      return nil
    }
  }

  private static func compactHere(_ disk: FolderDisk, _ settings: Settings) throws {
    let manifest = try newest(disk)
    var options = IndexOptions(model: manifest.model)
    options.panels = settings.search.panels == "fp32" ? .fp32 : .bf16
    let engine = try IndexEngine(disk, options, manifest)
    func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
    for choice in [MergeChoice.allSegments, .allTables] {
      guard let job = engine.beginMerge(nowMilliseconds: now(), choice) else { continue }
      let result = job.run { false }
      engine.finish(result)
      if let error = result.error { throw error }
    }
    // The files of the former state are removed after a second checkpoint, because the two newest states are kept.
    for _ in 0..<2 {
      guard let job = engine.beginCheckpoint(nowMilliseconds: manifest.savedMilliseconds) else { return }
      let result = job.run()
      engine.finish(job, result)
      if let error = result.error { throw error }
    }
  }

  private static func ask(_ volume: Volume) async throws {
    let request = CompactionRequest(folder: volume.disk.path)
    try request.send()
    let limit = ContinuousClock.now + .seconds(3600)
    while request.isWaiting {
      guard ContinuousClock.now < limit else {
        throw StorageError(.failed, file: volume.disk.path, "the worker has not merged within an hour")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    if let failure = request.failure { throw StorageError(.failed, file: volume.disk.path, failure) }
  }
}
