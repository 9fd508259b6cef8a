import BlockingExecutor
import Foundation
import Synchronization
import Telemetry

/// Kafka's protocol for one machine: what it acknowledged survives kill -9.
///
/// One thread per connection, as answers must come in the order of the requests and a long poll holds back
/// those behind it, which is what Kafka does too.
package final class LocalBroker: Sendable {
  /// A larger frame closes its connection; only batches may come close to it.
  package static let requestBytesMax = 100 << 20
  /// What members say of themselves and to each other, and offsets of many partitions.
  private static let groupBytesMax = 8 << 20
  private static let otherBytesMax = 1 << 20
  package static let connectionsMax = 2000

  package let port: UInt16
  private let host: String
  private let lock: FolderLock
  private let listener: Listener
  private let store: Store
  private let coordinator: GroupCoordinator
  private let handler: RequestHandler
  private let logger: Logger
  private let connections = Mutex<[ObjectIdentifier: Connection]>([:])
  private let isStopped = Mutex(false)
  private let cleaner: Cleaner
  private let cleanInterval: TimeInterval

  /// Opens the store and listens; answers once `start` was called.
  ///
  /// - Parameters:
  ///   - directory: made if it is missing.
  ///   - host: an IPv4 address, also the one that clients are told.
  ///   - port: 0 = any that is free.
  ///   - cleanInterval: seconds between looks for what retention and compaction may remove.
  /// - Throws: an error that names the file, the address, or the folder that another broker works on.
  package init(
    directory: String, host: String, port: UInt16, synchronous: String = "NORMAL",
    cleanInterval: TimeInterval = 15
  ) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    logger = Logger(label: "broker")
    raiseDescriptorLimit()
    lock = try FolderLock(directory: directory)
    self.host = host
    listener = try Listener(host: host, port: port)
    self.port = listener.port
    store = try Store(path: directory + "/broker.sqlite", synchronous: synchronous)
    cleaner = Cleaner(store)
    self.cleanInterval = cleanInterval
    coordinator = GroupCoordinator()
    handler = RequestHandler(
      store: store, coordinator: coordinator, host: host, port: Int32(listener.port), logger: logger)
  }

  /// What to say at the start where others than this machine can reach the broker; nil where they can't.
  ///
  /// - Parameter host: the IPv4 address that it listens on.
  package static func exposure(host: String) -> String? {
    if host.hasPrefix("127.") { return nil }
    return
      "broker.host is \(host), which is not loopback: the local broker asks nobody for a login, so whoever reaches it "
      + "can read, change and delete all documents, questions and answers"
  }

  package func start() {
    logger.info("Broker listens", [(.port, "\(port)")])
    if let exposure = Self.exposure(host: host) {
      logger.warning("Broker is open to the network", [(.address, "\(host):\(port)"), (.reason, exposure)])
    }
    startBlockingThread(name: "accept") { self.acceptConnections() }
    startBlockingThread(name: "expire") {
      while !self.isStopped.withLock({ $0 }) {
        Thread.sleep(forTimeInterval: 0.1)
        self.coordinator.expire()
      }
    }
    startBlockingThread(name: "clean") { self.cleanUntilStopped() }
    startBlockingThread(name: "checkpoint") {
      while !self.isStopped.withLock({ $0 }) {
        Thread.sleep(forTimeInterval: 1)
        do throws(StorageError) {
          try self.store.checkpoint()
        } catch {
          self.logger.warning("Checkpoint failed", [(.error, "\(error)")])
        }
      }
    }
  }

  private func cleanUntilStopped() {
    var next = Date()
    while !isStopped.withLock({ $0 }) {
      Thread.sleep(forTimeInterval: min(0.2, cleanInterval))
      guard Date() >= next else { continue }
      next = Date().addingTimeInterval(cleanInterval)
      do throws(StorageError) {
        try cleaner.clean(now: Int64(Date().timeIntervalSince1970 * 1000)) { self.isStopped.withLock { $0 } }
      } catch {
        logger.warning("Cleaning failed", [(.error, "\(error)")])
      }
    }
  }

  /// Closes every connection; nothing that was acknowledged is lost, whatever the moment.
  package func stop() {
    isStopped.withLock { $0 = true }
    listener.stop()
    coordinator.stop()
    for connection in connections.withLock({ Array($0.values) }) { connection.interrupt() }
    lock.release()
  }

  private func acceptConnections() {
    while let connection = listener.accept() {
      let isWelcome = connections.withLock { table in
        guard table.count < Self.connectionsMax else { return false }
        table[ObjectIdentifier(connection)] = connection
        return true
      }
      guard isWelcome else {
        logger.warning("Connection refused: too many", [(.count, "\(Self.connectionsMax)")])
        continue
      }
      startBlockingThread(name: "connection") {
        self.serve(connection)
        self.connections.withLock { $0[ObjectIdentifier(connection)] = nil }
      }
    }
  }

  /// Produce (0), OffsetCommit (8), JoinGroup (11) and SyncGroup (14) carry much; the rest are questions.
  private static func bytesMax(ofAPI key: Int16) -> Int {
    switch key {
    case 0: requestBytesMax
    case 8, 11, 14: groupBytesMax
    default: otherBytesMax
    }
  }

  private func serve(_ connection: Connection) {
    let peer = connection.peer
    while let header = connection.read(4) {
      let length = header.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      guard length >= 8, length <= UInt32(Self.requestBytesMax) else {
        logger.warning("Connection closed: bad frame length", [(.count, "\(length)")])
        return
      }
      // The key first: it says how long the rest may be.
      guard let key = connection.readFrame(2) else { return }
      let api = Int16(bitPattern: UInt16(key[0]) << 8 | UInt16(key[1]))
      guard Int(length) <= Self.bytesMax(ofAPI: api) else {
        logger.warning(
          "Connection closed: a request of its kind may not be so long",
          [(.count, "\(length)"), (.key, "\(api)")])
        return
      }
      guard let frame = connection.readFrame(Int(length), after: key) else { return }
      do {
        guard let response = try handler.respond(to: frame, from: peer) else { continue }
        guard let count = Int32(exactly: response.count) else {
          logger.error("Connection closed: the answer is too long", [(.count, "\(response.count)")])
          return
        }
        var framed = ProtocolWriter()
        framed.int32(count)
        guard connection.write(framed.bytes + response) else { return }
      } catch let error as ProtocolError {
        logger.warning("Connection closed: bad request", [(.reason, error.rule)])
        return
      } catch {
        logger.error("Request failed", [(.error, "\(error)")])
        return
      }
    }
  }
}
