import CommandLine
import Foundation

/// The folder of one `up`: data, logs, ports, and the record of what runs. It is this user's alone.
package struct StateDirectory: Sendable {
  package let path: String
  private let folder: PrivateFolder

  package init(path: String) {
    folder = PrivateFolder(
      path,
      contents: [
        "state.json", "broker.port", "up.lock", "logs", "run", "broker", "redis", "kafka",
      ], marks: ["broker.port", "up.lock"], early: ["broker", "logs", "run"])
    self.path = folder.path
  }

  package var recordPath: String { path + "/state.json" }
  /// Locked by the `up` that owns the folder.
  package var lockPath: String { path + "/up.lock" }
  package var logsPath: String { path + "/logs" }
  package var runPath: String { path + "/run" }

  private static let advice =
    "A state folder must belong to you or to root, and nobody else may write it or a folder above it: name one of yours "
    + "with --state"

  /// `--state`, or the nearest `.millrace` upward from here, or `.millrace` here.
  ///
  /// - Throws: `UntrustedPath` when the folder or its record could be somebody else's work: its settings would be used,
  ///   and the processes that it names would be ended.
  package static func find(_ arguments: ParsedArguments) throws(UntrustedPath) -> StateDirectory {
    let directory = StateDirectory(path: nearest(arguments))
    // Where nothing is, nothing is used, whoever may write the folder above; `create` looks at that.
    if try FileStatus(of: directory.path) != nil { try directory.check() }
    return directory
  }

  private static func nearest(_ arguments: ParsedArguments) -> String {
    if let given = arguments.value("--state") { return given }
    var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    while true {
      let candidate = folder.appendingPathComponent(".millrace").path
      // Not `fileExists`, which follows links: one that leads nowhere is not passed over.
      if (try? FileManager.default.attributesOfItem(atPath: candidate)) != nil { return candidate }
      let parent = folder.deletingLastPathComponent()
      if parent.path == folder.path { return ".millrace" }
      folder = parent
    }
  }

  private func check() throws(UntrustedPath) {
    do throws(UntrustedPath) {
      if try folder.check() { try TrustedPath.check(recordPath) }
    } catch {
      var error = error
      let isInside = error.path == path || error.path.hasPrefix(path + "/")
      // One command for all that an older release may have left open.
      let mend =
        isInside && !error.advice.isEmpty ? ". If nobody has tampered with it: chmod -R go-w \(path)" : ""
      error.advice = Self.advice + mend
      throw error
    }
  }

  /// What `up` wrote; nil where there is nothing, or nothing that this user's `up` can have written.
  package func read() -> StateRecord? {
    // Once more: the folder may have come since it was looked for.
    guard (try? check()) != nil, let data = FileManager.default.contents(atPath: recordPath) else {
      return nil
    }
    return try? JSONDecoder().decode(StateRecord.self, from: data)
  }

  package func write(_ record: StateRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(record).write(to: URL(fileURLWithPath: recordPath), options: .atomic)
  }

  /// Makes the folder and those inside it that are missing, for this user alone.
  ///
  /// - Throws: `UntrustedPath`, also for a folder that holds other things than a state folder does; an error of Foundation's
  ///   when a folder can't be made.
  package func create() throws {
    try check()
    try folder.create()
    for inner in [logsPath, runPath] {
      try FileManager.default.createDirectory(
        atPath: inner, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
  }

  /// Closes what an earlier release left readable to other users.
  ///
  /// - Returns: a line about what was open; nil when nothing was.
  /// - Throws: `UntrustedPath` for what somebody else put there; an error of Foundation's when a mode can't be changed.
  package func close() throws -> String? { try folder.close() }
}
