import Foundation

/// A setting that may hold a secret. It stands in the settings, or in a file that they name, which is read when the secret
/// is needed and by those alone who need it.
package struct SecretSetting: Sendable {
  /// Of one secret, or of a file of Kafka properties; certificates in PEM are a few kilobytes.
  static let bytesMax = 65_536

  /// The key whose value it is: `llm.apiKey`.
  let key: String
  let value: String
  /// Empty: no file.
  let file: String

  /// One of the two is empty: `SettingsTable` saw to that.
  init(_ key: String, _ table: SettingsTable) {
    self.key = key
    value = table.text(key)
    file = table.text(key + "File")
  }

  /// Neither a value nor a file is set.
  package var isEmpty: Bool { value.isEmpty && file.isEmpty }

  /// The secret; empty when none is set. A file's last line break is not part of it.
  ///
  /// - Throws: `SettingsError` for a file that can't be read, and for a secret of more than one line.
  package func read() throws(SettingsError) -> String {
    let text = file.isEmpty ? value : try Self.text(ofFile: file, key + "File")
    let secret = text.hasSuffix("\r\n") ? text.dropLast() : text.hasSuffix("\n") ? text.dropLast() : text[...]
    guard file.isEmpty || !secret.isEmpty else {
      throw SettingsError(key: key + "File", value: Self.shown(file: file), rule: "must not be empty")
    }
    guard secret.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
      throw SettingsError(
        key: file.isEmpty ? key : key + "File", value: file.isEmpty ? "(hidden)" : Self.shown(file: file),
        rule: "must hold one line without control characters")
    }
    return String(secret)
  }

  /// - Throws: `SettingsError` naming `key` when the file can't be read, is too long, or is not UTF-8.
  static func text(ofFile path: String, _ key: String) throws(SettingsError) -> String {
    func error(_ rule: String) -> SettingsError {
      SettingsError(key: key, value: shown(file: path), rule: rule)
    }
    let data: Data
    do {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      data = try handle.read(upToCount: bytesMax + 1) ?? Data()
      try handle.close()
    } catch let failure {
      throw error("is no file that can be read: \(failure.localizedDescription)")
    }
    guard data.count <= bytesMax else { throw error("must hold at most \(bytesMax) bytes") }
    guard let text = String(validating: data, as: UTF8.self) else { throw error("must be UTF-8") }
    return text
  }

  /// A file's path for display. What has no folder and names no file may be the secret itself, in the wrong place.
  static func shown(file path: String) -> String {
    path.isEmpty || path.contains("/") || FileManager.default.fileExists(atPath: path) ? path : "(hidden)"
  }
}
