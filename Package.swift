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

func room(_ name: String, in folder: String = "Core", _ dependencies: [String] = []) -> Target {
  .target(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "\(folder)/\(name)",
    exclude: name == "Records" ? ["millrace.proto"] : [], swiftSettings: strict)
}

func cRoom(_ name: String, libraries: [String] = [], include: String? = nil) -> Target {
  // SwiftPM compiles C at -O0 in debug builds; kernels and checksums need -O3 in both.
  .target(
    name: name, path: "Core/\(name)",
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
    .systemLibrary(name: "CRdKafka", path: "Core/CRdKafka"),
    .systemLibrary(name: "COpenBLAS", path: "Core/COpenBLAS", pkgConfig: "openblas"),
    .systemLibrary(name: "CSQLite", path: "Core/CSQLite"),
    .systemLibrary(name: "CCMark", path: "Core/CCMark"),
    .systemLibrary(name: "COpenSSL", path: "Core/COpenSSL"),
    .systemLibrary(name: "CYAML", path: "Core/CYAML"),
    .systemLibrary(name: "CUchardet", path: "Core/CUchardet"),
    .systemLibrary(name: "CHiredis", path: "Core/CHiredis"),
    cRoom("CMicroHTTPD", libraries: ["microhttpd"]),
    cRoom("CCurl", libraries: ["curl"]),
    cRoom("CXML2", libraries: ["xml2"], include: "/usr/include/libxml2"),
    cRoom("CCompression", libraries: ["lz4", "zstd", "z"]),
    cRoom("CKernels"),
    cRoom("CChecksum"),
    cRoom("CSignals"),
    // L0
    room("Records"),
    room("Telemetry"),
    room("Services", ["CSignals"]),
    room("CommandLine"),
    room("BlockingExecutor"),
    // L1
    room("Cryptography", ["COpenSSL", "CChecksum"]),
    room("KafkaClient", ["CRdKafka", "BlockingExecutor", "Records", "Telemetry"]),
    room("RedisClient", ["BlockingExecutor", "CHiredis"]),
    room("VectorMath", ["COpenBLAS", "CKernels"]),
    room("Tokenizer"),
    room("Settings", ["CYAML", "Records"]),
    room("HTTP", ["BlockingExecutor", "CCurl", "CMicroHTTPD", "Telemetry"]),
    // L2
    room(
      "Stage",
      ["BlockingExecutor", "HTTP", "KafkaClient", "Records", "Services", "Settings", "Telemetry"]),
    room("Parsing", ["CCMark", "CUchardet", "CXML2"]),
    room("Chunking", ["Cryptography", "Parsing", "Records", "Tokenizer"]),
    room("Encoder", ["BlockingExecutor", "Tokenizer", "VectorMath"]),
    room("Index", ["Records", "VectorMath"]),
    room("Retrieval", ["Records"]),
    room("Generation", ["Encoder", "HTTP", "Parsing", "Records", "Tokenizer"]),
    room("Freshness", ["KafkaClient", "Records", "Services", "Settings", "Stage", "Telemetry"]),
    room(
      "Caching",
      [
        "Cryptography", "Freshness", "KafkaClient", "Records", "RedisClient", "Settings", "Stage",
        "Telemetry",
      ]),
    room("LocalState", ["CommandLine", "Records", "Settings"]),
    room("LocalBroker", ["BlockingExecutor", "CCompression", "CSQLite", "Cryptography", "Telemetry"]),
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
