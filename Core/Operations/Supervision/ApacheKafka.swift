import Failures
import Foundation

/// A single-node Apache Kafka in KRaft mode, ready to start.
struct ApacheKafka {
  /// The path of its start script.
  let script: String
  /// The folder of its properties and its data.
  let folder: String
  let propertiesPath: String
  let port: UInt16
  /// The cluster ID of the formatted data folder. It distinguishes this Kafka from every other one.
  let clusterID: String

  /// Writes the properties, and formats the data folder when it is new.
  ///
  /// - Throws: `Unavailable` when Kafka's scripts or Java are missing, no port is free, or formatting fails;
  ///   a Foundation error when a file can't be written.
  init(home: String, folder: String, preferredPort: UInt16, environment: [String: String]) throws {
    script = home + "/bin/kafka-server-start.sh"
    guard FileManager.default.isExecutableFile(atPath: script) else {
      throw Unavailable("Kafka's folder \(home): bin/kafka-server-start.sh is missing or not executable")
    }
    guard Self.hasJava(environment) else {
      throw Unavailable("Apache Kafka needs Java 17: apt-get install openjdk-17-jre-headless")
    }
    self.folder = folder
    port = try FreePort.find(preferred: preferredPort)
    let controller = try FreePort.find(preferred: 0)
    try FileManager.default.createDirectory(atPath: folder + "/data", withIntermediateDirectories: true)
    propertiesPath = folder + "/server.properties"
    try Self.properties(port: port, controller: controller, folder: folder)
      .write(toFile: propertiesPath, atomically: true, encoding: .utf8)
    if !FileManager.default.fileExists(atPath: folder + "/data/meta.properties") {
      try Self.format(
        home: home, file: propertiesPath, environment: ChildEnvironment.withoutSecrets(environment))
    }
    let meta = try String(contentsOfFile: folder + "/data/meta.properties", encoding: .utf8)
    clusterID =
      meta.split(separator: "\n").first { $0.hasPrefix("cluster.id=") }.map { String($0.dropFirst(11)) } ?? ""
  }

  private static func hasJava(_ environment: [String: String]) -> Bool {
    let onPath = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/java" }
    let places = ["/usr/bin/java", (environment["JAVA_HOME"] ?? "") + "/bin/java"] + onPath
    return places.contains { FileManager.default.isExecutableFile(atPath: $0) }
  }

  private static func properties(port: UInt16, controller: UInt16, folder: String) -> String {
    """
    process.roles=broker,controller
    node.id=1
    controller.quorum.voters=1@127.0.0.1:\(controller)
    listeners=PLAINTEXT://127.0.0.1:\(port),CONTROLLER://127.0.0.1:\(controller)
    advertised.listeners=PLAINTEXT://127.0.0.1:\(port)
    controller.listener.names=CONTROLLER
    listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
    log.dirs=\(folder)/data
    auto.create.topics.enable=false
    offsets.topic.replication.factor=1
    offsets.topic.num.partitions=8
    transaction.state.log.replication.factor=1
    transaction.state.log.min.isr=1
    share.coordinator.state.topic.replication.factor=1
    share.coordinator.state.topic.min.isr=1
    group.initial.rebalance.delay.ms=0
    message.max.bytes=10485760

    """
  }

  private static func format(home: String, file: String, environment: [String: String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: home + "/bin/kafka-storage.sh")
    process.arguments = ["format", "-t", newClusterID(), "-c", file]
    process.environment = environment
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Unavailable(
        "kafka-storage.sh format failed with status \(process.terminationStatus)")
    }
  }

  /// 16 random bytes in base64, with letters in place of `+` and `/`, in the form of Kafka's cluster ids.
  private static func newClusterID() -> String {
    let bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
    return Data(bytes).base64EncodedString().replacing("+", with: "A").replacing("/", with: "B").replacing(
      "=", with: "")
  }
}
