import Foundation
import TestSupport

/// The Swift files of the checkout, read as text.
enum Sources {
  static let checkout = URL(fileURLWithPath: Checkout.path)

  struct File {
    /// Relative to the checkout.
    var path: String
    var text: String

    var name: String { URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent }
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The modules that the file imports.
    var imports: Set<String> {
      Set(
        lines.compactMap { line in
          // Regular expressions are slow in a debug build, and this one would run on every line of every file.
          guard line.contains("import "),
            let match = line.firstMatch(of: /^(?:@\w+ )?(?:\w+ )?import (?:struct |class |enum |func )?(\w+)/)
          else {
            return nil
          }
          return String(match.1)
        })
    }

    /// Code without comments and string contents, so that words in prose do not count as calls.
    var code: String {
      lines.map { line in
        var result = ""
        var isInString = false
        var previous: Character = " "
        for character in line {
          if character == "\"", previous != "\\" { isInString.toggle() }
          if !isInString, character == "/", previous == "/" { return String(result.dropLast()) }
          if !isInString { result.append(character) }
          previous = character
        }
        return result
      }.joined(separator: "\n")
    }

    /// Whether the code contains the word.
    func uses(_ word: String) -> Bool {
      code.split(whereSeparator: { !$0.isLetter && $0 != "_" }).contains(Substring(word))
    }
  }

  static func swiftFiles(under folder: String) -> [File] {
    let root = checkout.appendingPathComponent(folder).path
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
      (try? String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)).map {
        File(path: "\(folder)/\(name)", text: $0)
      }
    }
  }

  /// The sources of the programs, without tests.
  static let product = swiftFiles(under: "Core") + swiftFiles(under: "Workers") + swiftFiles(under: "loadgen")
}
