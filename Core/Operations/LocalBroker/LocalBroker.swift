import BlockingExecutor
import Foundation
import Synchronization
import Telemetry

/// A broker that speaks Kafka's protocol on one machine. Acknowledged records survive kill -9.
///
/// Each connection has one thread: responses keep the order of the requests, and a long poll delays the
/// requests behind it, as in Kafka.
package final class LocalBroker: Sendable {
  /// A larger frame closes its connection. Only Produce requests may be this large.
  package static let requestBytesMax = 100 << 20
  /// The limit for requests with subscriptions, assignments or the offsets of many partitions.
  private static let groupBytesMax = 8 << 20
  private static let otherBytesMax = 1 << 20
  package static let connectionsMax = 2000
  /// The limit for the total size of all large requests that are being received or served at one time.
  private static let requestsBytesMax = 512 << 20

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
  private let requestsBytes = Mutex(0)
  private let cleaner: Cleaner
  private let cleanInterval: TimeInterval

  /// Opens the store and the listening socket. The broker answers requests after `start()`.
  ///
  /// - Parameters:
  ///   - directory: created if it is missing.
  ///   - host: an IPv4 address, which is also advertised to clients.
  ///   - port: 0 selects a free port.
  ///   - synchronous: SQLite's setting: `NORMAL` survives kill -9, `FULL` also a power loss.
  ///   - cleanInterval: seconds between two passes of retention and compaction.
  /// - Throws: `StorageError` naming the file, the address, or the folder that another broker uses; a
  ///   Foundation error when the directory can't be created.
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

  /// A warning when other machines can reach the broker; nil when they can't.
  ///
  /// - Parameter host: the IPv4 address that the broker listens on.
  package static func exposure(host: String) -> String? {
    if host.hasPrefix("127.") { return nil }
    return
      "broker.host is \(host), which is not loopback. The local broker has no authentication: everyone who "
      + "reaches it can read, change and delete all documents, questions and answers"
  }

  /// Starts the threads that accept connections, expire members, clean and run checkpoints.
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
          self.logger.warning("WAL checkpoint failed", [(.error, "\(error)")])
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
        logger.warning("Retention or compaction failed", [(.error, "\(error)")])
      }
    }
  }

  /// Closes every connection. No acknowledged record is lost.
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
        logger.warning("Connection refused: too many connections", [(.count, "\(Self.connectionsMax)")])
        continue
      }
      startBlockingThread(name: "connection") {
        self.serve(connection)
        self.connections.withLock { $0[ObjectIdentifier(connection)] = nil }
      }
    }
  }

  /// Produce requests and some requests of groups can be large; others are small.
  private static func bytesMax(of key: APIKey?) -> Int {
    switch key {
    case .produce: requestBytesMax
    case .offsetCommit, .joinGroup, .syncGroup: groupBytesMax
    default: otherBytesMax
    }
  }

  private func reserve(_ count: Int) -> Bool {
    requestsBytes.withLock { total in
      guard total + count <= Self.requestsBytesMax else { return false }
      total += count
      return true
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
      // Read the API key first: it decides how long the request may be.
      guard let key = connection.readFrame(2) else { return }
      let api = Int16(bitPattern: UInt16(key[0]) << 8 | UInt16(key[1]))
      guard Int(length) <= Self.bytesMax(of: APIKey(rawValue: api)) else {
        logger.warning(
          "Connection closed: the request is too long for its API",
          [(.count, "\(length)"), (.key, "\(api)")])
        return
      }
      // The memory of small requests is bounded by the number of connections.
      let reserved = Int(length) > Self.otherBytesMax ? Int(length) : 0
      guard reserve(reserved) else {
        logger.warning(
          "Connection closed: other large requests leave no memory for `count` bytes more",
          [(.count, "\(length)")])
        return
      }
      defer { requestsBytes.withLock { $0 -= reserved } }
      guard let frame = connection.readFrame(Int(length), after: key) else { return }
      do {
        guard let response = try handler.respond(to: frame, from: peer) else { continue }
        guard let count = Int32(exactly: response.count) else {
          logger.error("Connection closed: the response is too long", [(.count, "\(response.count)")])
          return
        }
        var framed = ProtocolWriter()
        framed.int32(count)
        guard connection.write(framed.bytes + response) else { return }
      } catch let error as ProtocolError {
        logger.warning("Connection closed: bad request", [(.reason, error.rule)])
        return
      } catch {
        logger.error("Connection closed: the request failed", [(.error, "\(error)")])
        return
      }
    }
  }
}
