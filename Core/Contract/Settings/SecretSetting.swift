import Foundation

/// A setting that may hold a secret. The secret is in the settings or in a file that the settings name.
/// A process reads that file only when it needs the secret.
package struct SecretSetting: Sendable {
  /// The limit for one secret, and for a file of Kafka properties: PEM certificates take a few kilobytes.
  static let bytesMax = 65_536

  /// The key of the setting, for example `llm.apiKey`.
  let key: String
  let value: String
  /// Path of the file; empty when there is none.
  let file: String

  /// `SettingsTable` has made sure that the value or the file is empty.
  init(_ key: String, _ table: SettingsTable) {
    self.key = key
    value = table.text(key)
    file = table.text(key + "File")
  }

  /// True when neither a value nor a file is set.
  package var isEmpty: Bool { value.isEmpty && file.isEmpty }

  /// The secret; empty when none is set. The last line break of a file is not part of the secret.
  ///
  /// - Throws: `SettingsError` for a file that can't be read or is empty, and for a secret with a control
  ///   character, such as a line break.
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

  /// - Throws: `SettingsError` that names `key`, when the file can't be read, is too long, or is not UTF-8.
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

  /// The path of a file for display. A path without a folder that names no file may be the secret itself,
  /// set in the wrong place, so it is hidden.
  static func shown(file path: String) -> String {
    path.isEmpty || path.contains("/") || FileManager.default.fileExists(atPath: path) ? path : "(hidden)"
  }
}
