import Foundation
import LocalState

/// The settings of a one-node Apache Kafka.
enum KafkaProperties {
  static func text(port: UInt16, controller: UInt16, folder: String) -> String {
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

  static func format(home: String, file: String, environment: [String: String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: home + "/bin/kafka-storage.sh")
    process.arguments = ["format", "-t", clusterID(), "-c", file]
    process.environment = environment
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Unavailable(
        description: "kafka-storage.sh format failed with status \(process.terminationStatus)")
    }
  }

  /// 16 random bytes in URL-safe base64, as Kafka's own tool makes them.
  private static func clusterID() -> String {
    let bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
    return Data(bytes).base64EncodedString().replacing("+", with: "A").replacing("/", with: "B").replacing(
      "=", with: "")
  }
}
