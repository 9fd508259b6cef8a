import CommandLine
import Foundation

/// The folder of one `up`: data, logs, ports, and the record of what runs. It is this user's alone.
package struct StateDirectory: Sendable {
  package let path: String
  package init(path: String) { self.path = path }
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
    if let given = arguments.value("--state") { return PrivateFolder(given).path }
    var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    while true {
      let candidate = folder.appendingPathComponent(".millrace").path
      // Not `fileExists`, which follows links: one that leads nowhere is not passed over.
      if (try? FileManager.default.attributesOfItem(atPath: candidate)) != nil { return candidate }
      let parent = folder.deletingLastPathComponent()
      if parent.path == folder.path { return PrivateFolder(".millrace").path }
      folder = parent
    }
  }

  private func check() throws(UntrustedPath) {
    do throws(UntrustedPath) {
      if try PrivateFolder(path).check() { try TrustedPath.check(recordPath) }
    } catch {
      var error = error
      error.advice = error.advice.isEmpty ? Self.advice : "\(Self.advice). \(error.advice)"
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
  /// - Throws: `UntrustedPath`; an error of Foundation's when a folder can't be made.
  package func create() throws {
    try check()
    for folder in [path, logsPath, runPath] { try PrivateFolder(folder).create() }
  }

  /// Closes what an earlier release left readable to other users.
  ///
  /// - Returns: what was open, for a line to the user; nil when nothing was.
  /// - Throws: `UntrustedPath`; an error of Foundation's when a mode can't be changed.
  package func close() throws -> String? { try PrivateFolder(path).close() }
}
