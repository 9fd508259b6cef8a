// swift-tools-version: 6.2
import PackageDescription

// The table of dependencies: every target with its folder and the targets that it may import. `Tests/ArchitectureTests`
// checks the sources against it. There are no external packages, only the toolchain and Debian's C libraries.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// Rooms that compute much: optimised in debug builds, too, because unit tests would otherwise take minutes in them.
/// Overflows and preconditions are still checked.
let computing: Set = [
  "Analysis", "Catalog", "Chunking", "Engine", "Formats", "Lexical", "Parsing", "Records", "Segments",
  "Statements", "Storage", "Tokenizer",
  "VectorMath",
]
let optimised: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// The expansion of `#expect` uses constructs that strict memory safety warns about.
let testing: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// The groups, from the lowest level up. A target may import targets of lower groups, and of its own group without
/// cycles. A worker pool never imports another.
enum Group: String {
  case base = "Core/Base"
  case contract = "Core/Contract"
  case connections = "Core/Connections"
  case text = "Core/Text"
  case vectors = "Core/Vectors"
  case index = "Core/Index"
  case runtime = "Core/Runtime"
  case answers = "Core/Answers"
  case operations = "Core/Operations"
  case workers = "Workers"
}

/// Files in a target's folder that are not sources.
let texts = ["Records": ["README.md", "millrace.proto"], "LocalBroker": ["README.md"]]

/// For each target all targets that it depends on, also through others.
nonisolated(unsafe) var known: [String: Set<String>] = [:]

/// SwiftPM compiles a target anew when a target changes that it names. But a struct's layout reaches further: to
/// whoever uses a type that holds it. So every target names all that its dependencies depend on.
func all(_ name: String, _ dependencies: [String]) -> [Target.Dependency] {
  let whole = dependencies.reduce(into: Set(dependencies)) { $0.formUnion(known[$1] ?? []) }
  known[name] = whole
  return whole.sorted().map { .init(stringLiteral: $0) }
}

func room(_ name: String, in group: Group, _ dependencies: [String] = []) -> Target {
  .target(
    name: name, dependencies: all(name, dependencies),
    path: "\(group.rawValue)/\(name)",
    exclude: texts[name] ?? [], swiftSettings: strict + (computing.contains(name) ? optimised : []))
}

/// A library of Debian, imported directly.
func cLibrary(_ name: String, pkgConfig: String? = nil) -> Target {
  .systemLibrary(name: name, path: "Core/C/\(name)", pkgConfig: pkgConfig)
}

/// Our own C, or a small wrapper for a library that Swift can't call directly.
func cRoom(
  _ name: String, _ dependencies: [String] = [], libraries: [String] = [], include: String? = nil
) -> Target {
  // SwiftPM compiles C at -O0 in debug builds; kernels and checksums need -O3 in both.
  .target(
    name: name, dependencies: all(name, dependencies), path: "Core/C/\(name)",
    cSettings: [.unsafeFlags(["-O3", "-Wall", "-Werror"] + (include.map { ["-I", $0] } ?? []))],
    linkerSettings: libraries.map { .linkedLibrary($0) })
}

func program(_ name: String, path: String, exclude: [String] = [], _ dependencies: [String]) -> Target {
  .executableTarget(
    name: name, dependencies: all(name, dependencies), path: path, exclude: exclude,
    swiftSettings: strict)
}

/// Code that several test targets share.
func testRoom(_ name: String, _ dependencies: [String]) -> Target {
  .target(
    name: name, dependencies: all(name, dependencies), path: "Tests/\(name)",
    swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [String]) -> Target {
  .testTarget(
    name: name, dependencies: all(name, dependencies), path: "Tests/\(name)",
    swiftSettings: testing)
}

let pools = ["Ingest", "Embed", "Search", "Retrieve", "Generate"]

let package = Package(
  name: "millrace",
  products: [
    .executable(name: "millrace", targets: ["Millrace"]),
    .executable(name: "millrace-parser", targets: ["ParserChild"]),
    .library(name: "millrace-sandbox", type: .dynamic, targets: ["CSandboxPreload"]),
    .executable(name: "loadgen", targets: ["loadgen"]),
    .executable(name: "millrace-bench", targets: ["Bench"]),
  ],
  targets: [
    cLibrary("CRdKafka"),
    cLibrary("COpenBLAS", pkgConfig: "openblas"),
    cLibrary("CSQLite"),
    cLibrary("CCMark"),
    cLibrary("COpenSSL"),
    cLibrary("CYAML"),
    cLibrary("CUchardet"),
    cLibrary("CHiredis"),
    cLibrary("CZLib"),
    cRoom("CGumbo", libraries: ["gumbo"]),
    cRoom("CBreaks", libraries: ["icuuc"]),
    cRoom("COCR"),
    cRoom("CZip", libraries: ["zip"]),
    cRoom("CICU", libraries: ["icuuc"]),
    cRoom("CWords", libraries: ["icuuc", "stemmer"]),
    cRoom("CLanguages", libraries: ["cld2", "stdc++"]),
    cRoom("CPostings"),
    cRoom("CTLS", libraries: ["ssl", "crypto"]),
    cRoom("CSandbox", libraries: ["seccomp"]),
    cRoom("CSandboxPreload", ["CSandbox"]),
    cRoom("CMicroHTTPD", libraries: ["microhttpd"]),
    cRoom("CCurl", libraries: ["curl"]),
    cRoom("CXML2", libraries: ["xml2"], include: "/usr/include/libxml2"),
    cRoom("CCompression", libraries: ["lz4", "zstd", "z"]),
    cRoom("CKernels"),
    cRoom("CEncoder"),
    cRoom("CBert"),
    cRoom("CChecksum"),
    cRoom("CSignals"),
    cRoom("CTimerSlack"),

    room("Failures", in: .base),
    room("Telemetry", in: .base, ["Time"]),
    room("Services", in: .base, ["CSignals", "Time"]),
    room("Time", in: .base),
    room("BlockingExecutor", in: .base, ["CTimerSlack", "Time"]),
    room("CommandLine", in: .base, ["Failures"]),
    room("YAML", in: .base, ["CYAML", "Failures"]),
    room("Sandbox", in: .base, ["CSandbox", "Failures"]),
    room("Compression", in: .base, ["CCompression"]),

    room("Records", in: .contract, ["Failures", "Time"]),
    room("Pools", in: .contract, ["Records"]),
    room("Settings", in: .contract, ["Failures", "Pools", "Records", "Time", "YAML"]),

    room("Cryptography", in: .connections, ["CChecksum", "COpenSSL"]),
    room(
      "KafkaClient", in: .connections,
      ["Failures", "BlockingExecutor", "CRdKafka", "Records", "Telemetry", "Time"]),
    room(
      "RedisClient", in: .connections,
      ["Failures", "BlockingExecutor", "CHiredis", "CTLS", "Telemetry", "Time"]),
    room("HTTPClient", in: .connections, ["Failures", "BlockingExecutor", "CCurl", "Time"]),
    room("HTTPServer", in: .connections, ["Failures", "CMicroHTTPD"]),

    room("Tokenizer", in: .text, ["Failures", "CBert"]),
    room("Analysis", in: .text, ["CLanguages", "CWords"]),
    room("Parsing", in: .text, ["CBreaks", "Failures", "Records", "Sandbox"]),
    room(
      "Formats", in: .text,
      [
        "CCMark", "CGumbo", "CICU", "COCR", "CUchardet", "CXML2", "CZLib", "CZip", "Parsing", "Records",
        "YAML",
      ]),
    room("Chunking", in: .text, ["Cryptography", "Failures", "Parsing", "Records", "Tokenizer"]),

    room("VectorMath", in: .vectors, ["Failures", "CKernels"]),
    room(
      "Encoder", in: .vectors, ["BlockingExecutor", "Cryptography", "Tokenizer", "VectorMath", "CEncoder"]),

    room("Catalog", in: .index, ["Records"]),
    room("Storage", in: .index, ["Cryptography", "Failures", "VectorMath"]),
    room(
      "Lexical", in: .index, ["Analysis", "CPostings", "Cryptography", "Records", "Storage", "VectorMath"]),
    room(
      "Segments", in: .index,
      ["Analysis", "Catalog", "Compression", "Cryptography", "Lexical", "Records", "Storage", "VectorMath"]),
    room(
      "Engine", in: .index,
      ["Analysis", "Catalog", "Lexical", "Records", "Segments", "Storage", "VectorMath"]),

    room(
      "Stage", in: .runtime,
      [
        "Failures", "HTTPServer", "KafkaClient", "Pools", "Records", "Services", "Settings", "Telemetry",
        "Time",
      ]),
    room(
      "Freshness", in: .runtime,
      ["KafkaClient", "Records", "Services", "Settings", "Stage", "Telemetry", "Time"]),

    room("Answered", in: .runtime, ["KafkaClient", "Records", "Services", "Stage", "Time"]),
    room(
      "Client", in: .runtime,
      [
        "BlockingExecutor", "Catalog", "CommandLine", "Cryptography", "Engine", "Failures", "KafkaClient",
        "Records",
        "Settings", "Stage",
      ]),

    room("Retrieval", in: .answers, ["Records", "Settings"]),
    room("Statements", in: .answers, ["Tokenizer"]),
    room(
      "Generation", in: .answers,
      [
        "Failures", "Encoder", "HTTPClient", "Parsing", "Records", "Settings", "Statements", "Time",
        "Tokenizer",
      ]),
    room(
      "Caching", in: .answers,
      ["Cryptography", "Freshness", "KafkaClient", "Records", "RedisClient", "Settings", "Stage", "Time"]),

    room("LocalState", in: .operations, ["Failures", "CommandLine", "Records", "Settings"]),
    room(
      "LocalBroker", in: .operations,
      ["Failures", "BlockingExecutor", "Compression", "CSQLite", "Cryptography", "Telemetry"]),
    room(
      "Supervision", in: .operations,
      [
        "BlockingExecutor", "Caching", "CommandLine", "Encoder", "Failures", "Generation", "HTTPClient",
        "KafkaClient", "LocalBroker", "LocalState", "Pools", "Records", "RedisClient", "Services",
        "Settings", "Stage", "Telemetry", "Time", "VectorMath",
      ]),
    room(
      "Evaluation", in: .operations,
      [
        "Client", "CommandLine", "Encoder", "Failures", "Generation", "HTTPClient", "KafkaClient",
        "Lexical", "LocalState", "Pools", "Records", "Retrieval", "Segments", "Settings", "Stage", "Time",
      ]),

    room(
      "Ingest", in: .workers,
      [
        "Analysis", "BlockingExecutor", "Chunking", "KafkaClient", "Parsing", "Pools", "Records", "Services",
        "Settings", "Stage", "Telemetry", "Time", "Tokenizer",
      ]),
    room(
      "Embed", in: .workers,
      [
        "Answered", "Caching", "Encoder", "Freshness", "KafkaClient", "Pools", "Records", "RedisClient",
        "Services",
        "Settings", "Stage", "Time",
      ]),
    room(
      "Search", in: .workers,
      [
        "Analysis", "BlockingExecutor", "Catalog", "Engine", "KafkaClient", "Lexical", "Pools", "Records",
        "Segments", "Services", "Settings", "Storage", "Stage", "Telemetry", "Time",
      ]),
    room(
      "Retrieve", in: .workers,
      [
        "Answered", "Freshness", "KafkaClient", "Pools", "Records", "Retrieval", "Services", "Settings",
        "Stage", "Time",
      ]),
    room(
      "Generate", in: .workers,
      [
        "Answered", "Caching", "Encoder", "Freshness", "Generation", "HTTPClient", "KafkaClient", "Pools",
        "Records",
        "RedisClient", "Services", "Settings", "Stage", "Telemetry", "Time",
      ]),
    program(
      "Millrace", path: "Workers/Millrace", exclude: ["Demo", "README.md"],
      [
        "BlockingExecutor", "Caching", "Client", "CommandLine", "Encoder", "Engine", "Evaluation", "Failures",
        "Generation", "HTTPClient",
        "KafkaClient", "LocalBroker", "LocalState", "Parsing", "Pools", "Records",
        "RedisClient", "Retrieval",
        "Services", "Settings", "Stage", "Storage", "Supervision", "Telemetry", "Time", "Tokenizer",
      ] + pools),
    program("ParserChild", path: "Workers/ParserChild", ["Formats", "Parsing", "Sandbox"]),
    program(
      "loadgen", path: "loadgen", exclude: ["README.md"],
      [
        "BlockingExecutor", "CommandLine", "KafkaClient", "LocalState", "Records", "Services", "Settings",
        "Stage", "Time",
      ]),
    program(
      "Bench", path: "Tests/Benchmarks", exclude: ["README.md", "growth.svg"],
      [
        "Analysis", "COpenBLAS", "CPeaks", "Caching", "Catalog", "Chunking", "CommandLine", "Cryptography",
        "Encoder",
        "Engine", "Evaluation",
        "Generation",
        "Ingest",
        "KafkaClient", "Lexical", "Parsing", "Records", "Retrieve", "Search", "Segments", "Services",
        "Settings",
        "Stage", "Statements",
        "Storage", "Telemetry", "TestSupport", "Time",
        "Tokenizer", "VectorMath",
      ]),

    .target(
      name: "CPeaks", path: "Tests/Peaks", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Werror"])]),
    testRoom("TestSupport", ["KafkaClient", "LocalBroker"]),
    tests("ArchitectureTests", ["TestSupport"]),
    tests(
      "UnitTests",
      [
        "Analysis", "BlockingExecutor", "Caching", "Catalog", "Chunking", "Client", "CommandLine",
        "Cryptography", "Encoder", "Engine", "Evaluation", "Freshness", "Lexical",
        "Segments", "Statements", "Storage", "Generation", "HTTPClient", "HTTPServer",
        "KafkaClient", "Parsing",
        "Pools", "Records", "RedisClient", "Retrieval", "Sandbox", "Search", "Services", "Settings", "Stage",
        "Supervision",
        "Telemetry", "TestSupport", "Time", "Tokenizer", "VectorMath",
      ]),
    tests(
      "RuntimeTests",
      [
        "Answered",
        "Embed", "Encoder", "Engine", "Generate", "Ingest", "KafkaClient", "Parsing", "Pools", "Records",
        "Retrieve",
        "Search",
        "Services",
        "Settings", "Stage",
        "Telemetry", "TestSupport", "Time", "Tokenizer",
      ]),
    tests(
      "LocalBrokerTests",
      ["BlockingExecutor", "KafkaClient", "LocalBroker", "Records", "Telemetry", "TestSupport", "Time"]),
    tests(
      "IntegrationTests",
      ["Caching", "HTTPClient", "KafkaClient", "Records", "RedisClient", "Settings", "Stage", "TestSupport"]),
  ]
)
