import Foundation
import Testing

// Goal: prose is readable, interfaces are documented, and errors have kinds. Method: read the files.

@Suite struct WordTests {
  private static let columnsMax = 120

  /// Paths of the checkout's files, without build results and installed packages.
  private static let files: [String] = {
    let root = Sources.checkout.path
    guard let names = FileManager.default.enumerator(atPath: root) else { return [] }
    var paths: [String] = []
    while let name = names.nextObject() as? String {
      if [".build", ".venv", ".venv-bench", ".git", ".millrace", "node_modules"].contains(name)
        || name.hasPrefix(".build-")
      {
        names.skipDescendants()
      } else {
        paths.append(name)
      }
    }
    return paths.sorted()
  }()

  private static func lines(_ path: String) -> [Substring] {
    let file = Sources.checkout.appendingPathComponent(path)
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n", omittingEmptySubsequences: false)
  }

  @Test("no line of Swift, Markdown or shell is longer than 120 columns")
  func lineLengths() {
    var count = 0
    for path in Self.files where !path.hasPrefix("Workers/Millrace/Demo/") {
      let isMarkdown = path.hasSuffix(".md")
      let isShell = path.hasSuffix(".sh") || path == ".ci/run" || path == "Makefile"
      // A copy of values.yaml, byte by byte.
      if path.hasSuffix("/DefaultValues.swift") { continue }
      guard isMarkdown || isShell || path.hasSuffix(".swift") else { continue }
      var isFenced = false
      var isVerbatim = false
      for (number, line) in Self.lines(path).enumerated() {
        count += 1
        if isMarkdown, line.hasPrefix("```") { isFenced.toggle() }
        // A golden text is compared byte by byte, so it can't be split over lines.
        if path.hasPrefix("Tests/"), line.contains(#""""#) { isVerbatim.toggle() }
        if line.count <= Self.columnsMax { continue }
        let isTable = isMarkdown && line.hasPrefix("|")
        let isLink = isMarkdown && line.contains("](") || line.contains("://")
        let isGolden = path.hasPrefix("Tests/") && (isVerbatim || line.contains("#\""))
        #expect(isFenced || isTable || isLink || isGolden, "\(path):\(number + 1) has \(line.count) columns")
      }
    }
    #expect(count > 30_000, "too few lines were found: \(count)")
  }

  @Test("no cell of a Markdown table is longer than 120 characters")
  func tableCells() {
    var count = 0
    for path in Self.files where path.hasSuffix(".md") && !path.hasPrefix("Workers/Millrace/Demo/") {
      for (number, line) in Self.lines(path).enumerated() where line.hasPrefix("|") {
        for cell in line.replacing("\\|", with: " ").split(separator: "|") {
          count += 1
          let length = cell.trimmingCharacters(in: .whitespaces).count
          #expect(length <= 120, "\(path):\(number + 1) has a cell of \(length) characters")
        }
      }
    }
    #expect(count > 300, "too few table cells were found: \(count)")
  }

  @Test("the code and the tables that are generated from values.yaml are up to date")
  func generated() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", Sources.checkout.path + "/scripts/generate.py", "--check"]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "run `make generate`")
  }

  @Test("the README has at most 200 lines")
  func readmeLength() {
    #expect((60...200).contains(Self.lines("README.md").count))
  }

  @Test("package and public types, protocols and throwing functions have a doc comment")
  func docComments() {
    let modifiers = /^ *(?:@\w+(?:\([^)]*\))? +)*(?:package|public) (?:\w+(?:\([^)]*\))? )*?/
    let type = /(?:struct|class|enum|actor|protocol) (\w+)/
    var count = 0
    var missing: [String] = []
    for file in Sources.product {
      let lines = file.lines
      for (index, line) in lines.enumerated() {
        guard line.contains("package ") || line.contains("public "),
          let start = line.prefixMatch(of: modifiers)
        else { continue }
        let rest = line[start.range.upperBound...]
        let isType = rest.prefixMatch(of: type) != nil && !line.hasPrefix("  ")
        let isThrowing =
          (rest.hasPrefix("func ") || rest.hasPrefix("init")) && Self.throwsError(lines[index...])
        guard isType || isThrowing else { continue }
        count += 1
        if !Self.isDocumented(lines[..<index]) { missing.append("\(file.path):\(index + 1)") }
      }
    }
    #expect(missing.isEmpty, "\(missing.count) have no doc comment: \(missing.joined(separator: ", "))")
    #expect(count > 300, "too few declarations were found: \(count)")
  }

  /// Whether a declaration throws. Its signature ends at the opening brace of its body.
  private static func throwsError(_ lines: ArraySlice<Substring>) -> Bool {
    var depth = 0
    for line in lines.prefix(12) {
      // A parameter may be a throwing function, so only the text after the parameters counts.
      for (index, character) in zip(line.indices, line) {
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
        if depth == 0, line[index...].hasPrefix("throws") { return true }
        if depth == 0, character == "{" { return false }
      }
    }
    return false
  }

  private static func isDocumented(_ before: ArraySlice<Substring>) -> Bool {
    for line in before.reversed() {
      let text = line.drop { $0 == " " }
      if text.hasPrefix("///") { return true }
      // Attributes may come between the comment and the declaration.
      if !text.hasPrefix("@") { return false }
    }
    return false
  }

  @Test("every error has a kind")
  func errorsHaveKinds() {
    let bare = /(?:struct|enum|class) (\w+): (?:[\w, ]*, )?(?:any )?(?:Swift\.)?Error\b/
    // These errors are used only inside one type, so no caller decides on them.
    let control: Set<String> = ["Left", "Refused", "Retry"]
    var failures = 0
    for file in Sources.product {
      for (index, line) in file.lines.enumerated() {
        if line.contains(": Failure"), line.contains(/(?:struct|enum) \w+: Failure\b/) { failures += 1 }
        guard line.contains("Error"), let match = line.firstMatch(of: bare) else { continue }
        #expect(control.contains(String(match.1)), "\(file.path):\(index + 1): \(match.1) has no kind")
      }
    }
    #expect(failures >= 15, "too few error types were found: \(failures)")
  }

  @Test("no code compares the text or the code of an error with a string")
  func noStringComparisons() {
    for file in Sources.product {
      for (index, line) in file.lines.enumerated() {
        guard line.contains("= \"") else { continue }
        let compares = line.contains(/\.(?:code|rule|message|detail|reason|call|description) [!=]= "/)
        #expect(!compares, "\(file.path):\(index + 1)")
      }
    }
  }
}
