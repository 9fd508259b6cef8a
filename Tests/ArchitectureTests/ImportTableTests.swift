import Foundation
import Testing

// Goal: targets import only what they may. Method: compare every source file's imports with `Package.swift`, and check
// `Package.swift` against the rules for groups.

@Suite struct ImportTableTests {
  private let system: Set<String> = ["Foundation", "Dispatch", "Synchronization", "Testing", "Swift"]
  private let table: ImportTable

  init() throws { table = try ImportTable() }

  @Test("the whole table is parsed")
  func isRead() throws {
    let text = try String(
      contentsOf: Sources.checkout.appendingPathComponent("Package.swift"), encoding: .utf8)
    let calls = text.matches(of: /\n +(?:room|program|tests|testRoom)\(/).count
    #expect(table.rows.count == calls && calls > 30, "\(table.rows.count) of \(calls)")
    #expect(table.groups.count == 10 && table.pools.count == 5)
  }

  @Test("each target imports only what the table allows, and uses every entry")
  func importsFollowTheTable() {
    for row in table.rows {
      let files = Sources.swiftFiles(under: row.folder)
      #expect(!files.isEmpty, "\(row.folder) is empty")
      var used: Set<String> = []
      for file in files {
        let imports = file.imports.subtracting(system)
        used.formUnion(imports)
        let extra = imports.subtracting(row.imports)
        #expect(extra.isEmpty, "\(file.path) imports \(extra.sorted())")
      }
      let unused = row.imports.subtracting(used)
      #expect(unused.isEmpty, "\(row.target): nothing imports \(unused.sorted())")
    }
  }

  @Test("every folder of Core and Workers is the folder of a target")
  func foldersAreTargets() throws {
    let known = Set(table.rows.map(\.folder))
    let core = try FileManager.default.contentsOfDirectory(
      atPath: Sources.checkout.appendingPathComponent("Core").path)
    #expect(Set(core.map { "Core/\($0)" }).subtracting(["Core/C"]).isSubset(of: table.groups))
    for parent in core.filter({ $0 != "C" }).map({ "Core/\($0)" }) + ["Workers"] {
      for name in try FileManager.default.contentsOfDirectory(
        atPath: Sources.checkout.appendingPathComponent(parent).path)
      {
        // A README may describe a group.
        if name.hasSuffix(".md") { continue }
        #expect(known.contains("\(parent)/\(name)"), "\(parent)/\(name) is not a target of Package.swift")
      }
    }
  }

  @Test("a C module is imported by exactly one Swift target")
  func cModulesHaveOneOwner() {
    var owners: [String: Set<String>] = [:]
    for row in table.rows {
      for name in row.imports where name.wholeMatch(of: /C[A-Z]\w*/) != nil && name != "CommandLine" {
        owners[name, default: []].insert(row.target)
      }
    }
    #expect(owners.count >= 15)
    for (module, targets) in owners {
      #expect(targets.count == 1, "\(module) is imported by \(targets.sorted())")
    }
  }

  @Test("imports go to lower levels, without cycles, and pools never import each other")
  func levels() {
    let byName = Dictionary(uniqueKeysWithValues: table.rows.map { ($0.target, $0) })
    func reaches(_ target: String, _ goal: String, _ seen: inout Set<String>) -> Bool {
      for next in byName[target]?.imports ?? [] where seen.insert(next).inserted {
        if next == goal || reaches(next, goal, &seen) { return true }
      }
      return false
    }
    for row in table.rows {
      var seen: Set<String> = []
      #expect(!reaches(row.target, row.target, &seen), "\(row.target) is part of an import cycle")
      if table.pools.contains(row.target) { #expect(row.imports.isDisjoint(with: table.pools)) }
      guard let level = row.level else { continue }
      for name in row.imports {
        if let other = byName[name]?.level {
          #expect(other <= level, "\(row.target) imports \(name), which is above it")
        }
      }
    }
  }
}
