import Foundation

/// The file by which `millrace index compact` asks a running worker to merge all of its index.
package struct CompactionRequest: Sendable {
  private let path: String

  package init(folder: String) { path = folder + "/compact" }

  private var answer: String { path + "-failed" }

  /// Why the worker could not merge the index; nil when it did.
  package var failure: String? { try? String(contentsOfFile: answer, encoding: .utf8) }

  package var isWaiting: Bool { FileManager.default.fileExists(atPath: path) }

  /// - Throws: the system's error when the file can't be written.
  package func send() throws {
    if FileManager.default.fileExists(atPath: answer) { try FileManager.default.removeItem(atPath: answer) }
    try Data().write(to: URL(fileURLWithPath: path))
  }

  /// A request that can't be removed is carried out again.
  func finish(_ failure: String?) {
    do {
      if let failure { try Data(failure.utf8).write(to: URL(fileURLWithPath: answer)) }
      try FileManager.default.removeItem(atPath: path)
    } catch {
      return
    }
  }
}
