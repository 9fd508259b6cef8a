// swift-tools-version: 6.2
import PackageDescription

// The rooms and their doors: `Tests/ArchitectureTests` holds the same table and compares it with
// what the sources import. Nothing comes from a package host: the toolchain and Debian's C libraries.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// The expansion of `#expect` uses constructs that strict memory safety warns about.
let testing: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

func room(_ name: String, in folder: String, _ dependencies: [String] = []) -> Target {
  .target(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "\(folder)/\(name)",
    exclude: name == "Records" ? ["millrace.proto"] : [], swiftSettings: strict)
}

func cRoom(_ name: String, libraries: [String] = [], include: String? = nil) -> Target {
  // SwiftPM compiles C at -O0 in debug builds; kernels and checksums need -O3 in both.
  .target(
    name: name, path: "Core/C/\(name)",
    cSettings: [.unsafeFlags(["-O3", "-Wall", "-Werror"] + (include.map { ["-I", $0] } ?? []))],
    linkerSettings: libraries.map { .linkedLibrary($0) })
}

func tests(_ name: String, _ dependencies: [String]) -> Target {
  .testTarget(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "Tests/\(name)",
    swiftSettings: testing)
}

let pools = ["Ingest", "Embed", "Search", "Retrieve", "Generate"]

let package = Package(
  name: "millrace",
  products: [
    .executable(name: "millrace", targets: ["Millrace"]),
    .executable(name: "loadgen", targets: ["loadgen"]),
    .executable(name: "millrace-bench", targets: ["Bench"]),
  ],
  targets: [
    // C
    .systemLibrary(name: "CRdKafka", path: "Core/C/CRdKafka"),
    .systemLibrary(name: "COpenBLAS", path: "Core/C/COpenBLAS", pkgConfig: "openblas"),
    .systemLibrary(name: "CSQLite", path: "Core/C/CSQLite"),
    .systemLibrary(name: "CCMark", path: "Core/C/CCMark"),
    .systemLibrary(name: "COpenSSL", path: "Core/C/COpenSSL"),
    .systemLibrary(name: "CYAML", path: "Core/C/CYAML"),
    .systemLibrary(name: "CUchardet", path: "Core/C/CUchardet"),
    .systemLibrary(name: "CHiredis", path: "Core/C/CHiredis"),
    cRoom("CMicroHTTPD", libraries: ["microhttpd"]),
    cRoom("CCurl", libraries: ["curl"]),
    cRoom("CXML2", libraries: ["xml2"], include: "/usr/include/libxml2"),
    cRoom("CCompression", libraries: ["lz4", "zstd", "z"]),
    cRoom("CKernels"),
    cRoom("CChecksum"),
    cRoom("CSignals"),
    // L0
    room("Records", in: "Core/Contract"),
    room("Telemetry", in: "Core/Base"),
    room("Services", in: "Core/Base", ["CSignals"]),
    room("CommandLine", in: "Core/Base"),
    room("BlockingExecutor", in: "Core/Base"),
    // L1
    room("Cryptography", in: "Core/Connections", ["COpenSSL", "CChecksum"]),
    room("KafkaClient", in: "Core/Connections", ["CRdKafka", "BlockingExecutor", "Records", "Telemetry"]),
    room("RedisClient", in: "Core/Connections", ["BlockingExecutor", "CHiredis"]),
    room("VectorMath", in: "Core/Vectors", ["COpenBLAS", "CKernels"]),
    room("Tokenizer", in: "Core/Text"),
    room("Settings", in: "Core/Contract", ["CYAML", "Records"]),
    room("HTTP", in: "Core/Connections", ["BlockingExecutor", "CCurl", "CMicroHTTPD", "Telemetry"]),
    // L2
    room(
      "Stage", in: "Core/Runtime",
      ["BlockingExecutor", "HTTP", "KafkaClient", "Records", "Services", "Settings", "Telemetry"]),
    room("Parsing", in: "Core/Text", ["CCMark", "CUchardet", "CXML2"]),
    room("Chunking", in: "Core/Text", ["Cryptography", "Parsing", "Records", "Tokenizer"]),
    room("Encoder", in: "Core/Vectors", ["BlockingExecutor", "Tokenizer", "VectorMath"]),
    .target(
      name: "Index", dependencies: ["Records", "VectorMath"], path: "Core/Index/Flat", swiftSettings: strict),
    room("Retrieval", in: "Core/Answers", ["Records"]),
    room("Generation", in: "Core/Answers", ["Encoder", "HTTP", "Parsing", "Records", "Tokenizer"]),
    room("Freshness", in: "Core/Runtime", ["KafkaClient", "Records", "Services", "Settings", "Stage", "Telemetry"]),
    room(
      "Caching", in: "Core/Answers",
      [
        "Cryptography", "Freshness", "KafkaClient", "Records", "RedisClient", "Settings", "Stage",
        "Telemetry",
      ]),
    room("LocalState", in: "Core/Operations", ["CommandLine", "Records", "Settings"]),
    room("LocalBroker", in: "Core/Operations", ["BlockingExecutor", "CCompression", "CSQLite", "Cryptography", "Telemetry"]),
    // L3
    room(
      "Ingest", in: "Workers",
      [
        "BlockingExecutor", "Chunking", "KafkaClient", "Parsing", "Records", "Settings", "Stage", "Telemetry",
        "Tokenizer",
      ]),
    room(
      "Embed", in: "Workers",
      [
        "Caching", "Encoder", "Freshness", "KafkaClient", "Records", "RedisClient", "Services", "Settings",
        "Stage", "Telemetry",
      ]),
    room(
      "Search", in: "Workers",
      [
        "BlockingExecutor", "Index", "KafkaClient", "Records", "Services", "Settings", "Stage",
        "Telemetry",
      ]),
    room(
      "Retrieve", in: "Workers",
      [
        "Freshness", "KafkaClient", "Records", "Retrieval", "Settings", "Stage", "Telemetry",
      ]),
    room(
      "Generate", in: "Workers",
      [
        "Caching", "Encoder", "Freshness", "Generation", "HTTP", "KafkaClient", "Records", "RedisClient",
        "Settings",
        "Services", "Stage", "Telemetry",
      ]),
    // L4
    .executableTarget(
      name: "Millrace",
      dependencies: [
        "CommandLine", "Cryptography", "Encoder", "HTTP", "KafkaClient", "LocalBroker", "Records",
        "Services", "Settings", "Stage", "Telemetry", "Tokenizer", "VectorMath", "Chunking", "Parsing",
        "Freshness", "Index", "BlockingExecutor", "Caching", "RedisClient", "Generation", "Retrieval",
        "LocalState",
      ] + pools.map { .init(stringLiteral: $0) },
      path: "Workers/Millrace", exclude: ["Demo"], swiftSettings: strict),
    .executableTarget(
      name: "loadgen",
      dependencies: [
        "BlockingExecutor", "CommandLine", "KafkaClient", "LocalState", "Records", "Services", "Settings",
        "Stage",
      ], path: "loadgen", swiftSettings: strict),
    .executableTarget(
      name: "Bench",
      dependencies: [
        "Caching", "CommandLine", "Cryptography", "Encoder", "Index", "KafkaClient", "Records", "Settings",
        "Stage", "Tokenizer",
        "VectorMath",
      ],
      path: "Tests/Benchmarks", swiftSettings: strict),
    // Tests
    tests("ArchitectureTests", []),
    tests("RecordsTests", ["Records", "Cryptography"]),
    tests(
      "CoreTests",
      [
        "Chunking", "CommandLine", "Cryptography", "Encoder", "Freshness", "Generation", "Index",
        "KafkaClient", "Parsing", "Records", "Retrieval", "Services", "Settings", "Stage", "Telemetry",
        "Tokenizer", "VectorMath", "Ingest", "Search", "Retrieve", "BlockingExecutor", "Caching",
        "RedisClient",
        "HTTP",
      ]),
    tests(
      "LocalBrokerTests",
      [
        "LocalBroker", "KafkaClient", "Records", "Services", "Settings", "Stage", "Telemetry", "Encoder",
        "Generate", "Retrieve",
      ]),
    tests(
      "IntegrationTests",
      ["HTTP", "KafkaClient", "Records", "RedisClient", "Settings", "Telemetry", "Millrace"]),
  ]
)
