import CommandLine
import Foundation

/// The state folder of one `up`: data, logs, ports, and the record of its processes. Only this user can use
/// it.
package struct StateDirectory: Sendable {
  package let path: String
  private let folder: PrivateFolder

  package init(path: String) {
    folder = PrivateFolder(
      path,
      contents: [
        "state.json", "cache.key", "broker.port", "up.lock", "logs", "run", "broker", "redis", "kafka",
        "index",
      ], marks: ["broker.port", "up.lock"], early: ["broker", "logs", "run"])
    self.path = folder.path
  }

  /// The key that signs what this folder's pipeline caches.
  package var cacheKeyPath: String { path + "/cache.key" }
  package var recordPath: String { path + "/state.json" }
  /// Locked by the `up` that owns the folder.
  package var lockPath: String { path + "/up.lock" }
  package var logsPath: String { path + "/logs" }
  package var runPath: String { path + "/run" }

  private static let advice =
    "A state folder must belong to you or to root, and no other user may be able to write to it or to a folder "
    + "above it. Name another folder with --state"

  /// The folder of `--state`; without it, the nearest `.millrace` in the working directory or above it;
  /// without that, `.millrace` in the working directory.
  ///
  /// - Throws: `UntrustedPath` when another user could have made the folder or its record: its settings would
  ///   be used, and its processes would be ended.
  package static func find(_ arguments: ParsedArguments) throws(UntrustedPath) -> StateDirectory {
    let directory = StateDirectory(path: nearest(arguments))
    // A missing folder holds nothing that could be used, so it is not checked. `create` checks the folders
    // above it.
    if try FileStatus(of: directory.path) != nil { try directory.check() }
    return directory
  }

  private static func nearest(_ arguments: ParsedArguments) -> String {
    if let given = arguments.value("--state") { return given }
    var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    while true {
      let candidate = folder.appendingPathComponent(".millrace").path
      // Not `fileExists`: it follows links and would skip a broken one.
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
      // One command for everything that an older release may have left open.
      let mend =
        isInside && !error.advice.isEmpty ? ". If nobody has tampered with it: chmod -R go-w \(path)" : ""
      error.advice = Self.advice + mend
      throw error
    }
  }

  /// The record of `up`; nil when there is none, it can't be decoded, or another user could have written it.
  package func read() -> StateRecord? {
    // Check again: the folder may have been created after `find`.
    guard (try? check()) != nil, let data = FileManager.default.contents(atPath: recordPath) else {
      return nil
    }
    return try? JSONDecoder().decode(StateRecord.self, from: data)
  }

  /// Replaces the record in one step, so that no reader sees a part of it.
  ///
  /// - Throws: a Foundation error when the record can't be written.
  package func write(_ record: StateRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try encoder.encode(record).write(to: URL(fileURLWithPath: recordPath), options: .atomic)
  }

  /// Creates the folder and its missing subfolders for this user only.
  ///
  /// - Throws: `UntrustedPath` as `find(_:)`, and for a folder that holds other files and none of Millrace's;
  ///   a Foundation error when a folder can't be created.
  package func create() throws {
    try check()
    try folder.create()
    for inner in [logsPath, runPath] {
      try FileManager.default.createDirectory(
        atPath: inner, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
  }

  /// Closes files that an earlier release left open to other users.
  ///
  /// - Returns: a line for the user about what was open; nil when nothing was.
  /// - Throws: `UntrustedPath` for an entry of another user or a mode that can't be changed; a Foundation
  ///   error when a folder can't be listed.
  package func close() throws -> String? { try folder.close() }
}
