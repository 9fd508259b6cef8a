import Foundation
import Testing

// Goal: the rooms keep their doors. Method: read every source file's imports, calls and `unsafe` marks and compare
// them with the tables here, which are the architecture.

private let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private let system: Set<String> = ["Foundation", "Dispatch", "Synchronization", "Testing", "Swift"]

/// Target, its folder, and what it may import.
private let table: [(target: String, folder: String, imports: Set<String>)] = [
  ("Records", "Core/Contract/Records", []),
  ("Telemetry", "Core/Base/Telemetry", []),
  ("Services", "Core/Base/Services", ["CSignals"]),
  ("CommandLine", "Core/Base/CommandLine", []),
  ("BlockingExecutor", "Core/Base/BlockingExecutor", []),
  ("Cryptography", "Core/Connections/Cryptography", ["COpenSSL", "CChecksum"]),
  ("KafkaClient", "Core/Connections/KafkaClient", ["CRdKafka", "BlockingExecutor", "Records", "Telemetry"]),
  ("RedisClient", "Core/Connections/RedisClient", ["BlockingExecutor", "CHiredis"]),
  ("VectorMath", "Core/Vectors/VectorMath", ["COpenBLAS", "CKernels"]),
  ("Tokenizer", "Core/Text/Tokenizer", []),
  ("Settings", "Core/Contract/Settings", ["CYAML", "Records"]),
  ("HTTP", "Core/Connections/HTTP", ["BlockingExecutor", "CCurl", "CMicroHTTPD", "Telemetry"]),
  (
    "Stage", "Core/Runtime/Stage",
    ["BlockingExecutor", "HTTP", "KafkaClient", "Records", "Services", "Settings", "Telemetry"]
  ),
  ("Parsing", "Core/Text/Parsing", ["CCMark", "CUchardet", "CXML2"]),
  ("Chunking", "Core/Text/Chunking", ["Cryptography", "Parsing", "Records", "Tokenizer"]),
  ("Encoder", "Core/Vectors/Encoder", ["BlockingExecutor", "Tokenizer", "VectorMath"]),
  ("Index", "Core/Index/Flat", ["Records", "VectorMath"]),
  ("Retrieval", "Core/Answers/Retrieval", ["Records"]),
  ("Generation", "Core/Answers/Generation", ["Encoder", "HTTP", "Parsing", "Records", "Tokenizer"]),
  (
    "Freshness", "Core/Runtime/Freshness",
    ["KafkaClient", "Records", "Services", "Settings", "Stage", "Telemetry"]
  ),
  (
    "Caching", "Core/Answers/Caching",
    [
      "Cryptography", "Freshness", "KafkaClient", "Records", "RedisClient", "Settings", "Stage", "Telemetry",
    ]
  ),
  ("LocalState", "Core/Operations/LocalState", ["CommandLine", "Records", "Settings"]),
  (
    "LocalBroker", "Core/Operations/LocalBroker",
    ["BlockingExecutor", "CCompression", "CSQLite", "Cryptography", "Telemetry"]
  ),
  (
    "Ingest", "Workers/Ingest",
    [
      "BlockingExecutor", "Chunking", "KafkaClient", "Parsing", "Records", "Settings", "Stage", "Telemetry",
      "Tokenizer",
    ]
  ),
  (
    "Embed", "Workers/Embed",
    [
      "Caching", "Encoder", "Freshness", "KafkaClient", "Records", "RedisClient", "Services", "Settings",
      "Stage", "Telemetry",
    ]
  ),
  (
    "Search", "Workers/Search",
    ["BlockingExecutor", "Index", "KafkaClient", "Records", "Services", "Settings", "Stage", "Telemetry"]
  ),
  (
    "Retrieve", "Workers/Retrieve",
    ["Freshness", "KafkaClient", "Records", "Retrieval", "Services", "Settings", "Stage", "Telemetry"]
  ),
  (
    "Generate", "Workers/Generate",
    [
      "Caching", "Encoder", "Freshness", "Generation", "HTTP", "KafkaClient", "Records", "RedisClient",
      "Services",
      "Settings", "Stage", "Telemetry",
    ]
  ),
]

private let pools: Set<String> = ["Ingest", "Embed", "Search", "Retrieve", "Generate"]

/// Where `unsafe` may stand: bridges to C, executors and the one line of their actors, mapped memory, record codecs.
private let unsafeFiles: Set<String> = [
  "Core/Base/BlockingExecutor/BlockingExecutor.swift", "Core/Base/BlockingExecutor/BlockingCalls.swift",
  "Core/Connections/Cryptography/ChecksumBridge.swift", "Core/Connections/Cryptography/DigestBridge.swift",
  "Core/Connections/KafkaClient/HandleBridge.swift", "Core/Connections/KafkaClient/EventBridge.swift",
  "Core/Connections/KafkaClient/KafkaConsumer.swift",
  "Core/Connections/KafkaClient/KafkaProducer.swift", "Core/Connections/KafkaClient/KafkaAdmin.swift",
  "Core/Connections/KafkaClient/ReplayReader.swift",
  "Core/Connections/RedisClient/ConnectionBridge.swift", "Core/Base/Services/SignalMaskBridge.swift",
  "Core/Vectors/VectorMath/FloatBuffer.swift", "Core/Vectors/VectorMath/BLASBridge.swift", "Core/Contract/Settings/YAMLBridge.swift",
  "Core/Connections/HTTP/ServerBridge.swift", "Core/Connections/HTTP/TransferBridge.swift", "Core/Connections/HTTP/ProbeBridge.swift",
  "Core/Text/Parsing/MarkdownBridge.swift",
  "Core/Text/Parsing/HTMLBridge.swift", "Core/Text/Parsing/TextEncodingBridge.swift",
  "Core/Vectors/Encoder/Encoder.swift", "Core/Operations/LocalBroker/CompressionBridge.swift",
  "Core/Operations/LocalBroker/SQLiteBridge.swift", "Core/Operations/LocalBroker/SocketBridge.swift",
  "Core/Contract/Records/Wire.swift", "Workers/Search/SearchIndex.swift", "Workers/Millrace/KernelChoice.swift",
  "Workers/Millrace/StateLock.swift", "Core/Operations/LocalState/FileStatusBridge.swift",
  "Core/Text/Parsing/PrivateFileBridge.swift",
]

private func swiftFiles(under folder: String) -> [(path: String, text: String)] {
  let root = checkout.appendingPathComponent(folder).path
  let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
  return names.filter { $0.hasSuffix(".swift") }.compactMap { name in
    (try? String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)).map { ("\(folder)/\(name)", $0) }
  }
}

private func imports(of text: String) -> Set<String> {
  Set(
    text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard let position = words.firstIndex(of: "import"), position <= 1, position + 1 < words.count,
        !line.hasPrefix("//"), !line.hasPrefix(" ")
      else { return nil }
      return String(words[position + 1])
    })
}

/// Code without comments and string contents, so that words in prose are no calls.
private func code(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
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

@Test("each target imports only what the table allows")
func importsFollowTheTable() {
  var fileCount = 0
  for row in table {
    for file in swiftFiles(under: row.folder) {
      fileCount += 1
      let extra = imports(of: file.text).subtracting(system).subtracting(row.imports)
      #expect(extra.isEmpty, "\(file.path) imports \(extra.sorted())")
    }
  }
  #expect(fileCount > 60, "the sources were found")
}

@Test("every folder of Core and Workers is in the table, and every entry exists")
func tableIsComplete() throws {
  let known = Set(table.map(\.folder)).union(["Workers/Millrace"])
  let groups = try FileManager.default.contentsOfDirectory(atPath: checkout.appendingPathComponent("Core").path)
  for parent in groups.filter({ $0 != "C" }).map({ "Core/\($0)" }) + ["Workers"] {
    for name in try FileManager.default.contentsOfDirectory(
      atPath: checkout.appendingPathComponent(parent).path)
    {
      #expect(known.contains("\(parent)/\(name)"), "\(parent)/\(name) is not in the table")
    }
  }
  for row in table { #expect(!swiftFiles(under: row.folder).isEmpty, "\(row.folder) is empty") }
}

@Test("a C module is imported by exactly one Swift target")
func cModulesHaveOneOwner() {
  var owners: [String: Set<String>] = [:]
  for row in table + [("Millrace", "Workers/Millrace", [])] {
    for file in swiftFiles(under: row.folder) {
      for name in imports(of: file.text)
      where name.hasPrefix("C") && name.dropFirst().first?.isUppercase == true {
        owners[name, default: []].insert(row.target)
      }
    }
  }
  #expect(owners.count >= 9)
  for (module, targets) in owners {
    #expect(targets.count == 1, "\(module) is imported by \(targets.sorted())")
  }
}

@Test("the table has no cycles, and pools never import each other")
func tableHasNoCycles() {
  let edges = Dictionary(uniqueKeysWithValues: table.map { ($0.target, $0.imports) })
  func reaches(_ target: String, _ goal: String, _ seen: inout Set<String>) -> Bool {
    for next in edges[target] ?? [] where seen.insert(next).inserted {
      if next == goal || reaches(next, goal, &seen) { return true }
    }
    return false
  }
  for row in table {
    var seen: Set<String> = []
    #expect(!reaches(row.target, row.target, &seen), "\(row.target) reaches itself")
    if pools.contains(row.target) { #expect(row.imports.isDisjoint(with: pools)) }
  }
}

@Test("banned calls appear nowhere")
func bannedCalls() {
  for file in swiftFiles(under: "Core") + swiftFiles(under: "Workers") + swiftFiles(under: "loadgen") {
    let source = code(file.text)
    for banned in ["fatalError(", "try!", "Task.detached", "as!", " Task {", "= Task {"] {
      let holds = source.contains(banned)
      #expect(!holds, "\(file.path) holds \(banned)")
    }
    let isCommandLine = file.path.hasPrefix("Workers/Millrace/")
    let prints = source.split(separator: "\n").contains { line in
      line.contains("print(") && !line.contains(".print(") && !line.contains("func print(")
    }
    #expect(isCommandLine || !prints, "\(file.path) prints")
  }
}

@Test("unsafe stands only in bridges, executors, mapped memory and codecs")
func unsafeIsConfined() {
  for file in swiftFiles(under: "Core") + swiftFiles(under: "Workers") {
    let isUsed = code(file.text).split(whereSeparator: { !$0.isLetter && $0 != "_" }).contains("unsafe")
    #expect(!isUsed || unsafeFiles.contains(file.path), "\(file.path) uses unsafe")
  }
}

@Test("@unchecked Sendable says what makes it true, and stands at level 1 or below, or in a bridge")
func uncheckedSendableIsExplained() {
  for file in swiftFiles(under: "Core") + swiftFiles(under: "Workers") {
    let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where line.contains("@unchecked Sendable") {
      let isExplained = line.contains("//") || (index > 0 && lines[index - 1].hasPrefix("//"))
      #expect(isExplained, "\(file.path):\(index + 1)")
    }
  }
}
