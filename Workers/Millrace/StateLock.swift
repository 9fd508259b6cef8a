import Foundation
import LocalState

/// Held while an `up` owns its state folder; the kernel lets go of it when the process dies, however it dies.
final class StateLock: Sendable {
  private let descriptor: Int32

  /// - Throws: `Unavailable` when another `up` holds it.
  init(path: String, directory: StateDirectory) throws {
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Unavailable(description: "\(path) can't be opened") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let pid = directory.read().map { " (pid \($0.supervisorPID))" } ?? ""
      throw Unavailable(
        description:
          "`millrace up` runs in \(directory.path) already\(pid); end it with `millrace down --state \(directory.path)`, "
          + "or use another --state"
      )
    }
  }

  deinit { close(descriptor) }
}

/// Ports of this machine.
enum FreePort {
  static func isFree(_ port: UInt16) -> Bool { bound(port) != nil }

  /// The preferred port when it is free, else any.
  static func find(preferred: UInt16) throws -> UInt16 {
    if let port = bound(preferred) { return port }
    guard let port = bound(0) else { throw Unavailable(description: "no port is free on 127.0.0.1") }
    return port
  }

  /// Whether somebody listens there. Nothing is bound: a server that starts just now is not in its own way.
  static func answers(_ port: UInt16) -> Bool { unsafe opened(port) { unsafe connect($0, $1, $2) } != nil }

  private static func bound(_ port: UInt16) -> UInt16? { unsafe opened(port) { unsafe bind($0, $1, $2) } }

  /// - Returns: the local port of a socket of 127.0.0.1 after `call` succeeded with it.
  private static func opened(
    _ port: UInt16, _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> UInt16? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var one: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isDone = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        guard unsafe call(descriptor, generic, length) == 0 else { return false }
        return unsafe getsockname(descriptor, generic, &length) == 0
      }
    }
    return isDone ? UInt16(bigEndian: address.sin_port) : nil
  }
}

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
