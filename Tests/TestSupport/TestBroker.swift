import Foundation
import KafkaClient
import LocalBroker

/// A local broker in this process with its own folder. When the object is released, both are removed.
package final class TestBroker {
  package let directory: String
  package private(set) var broker: LocalBroker
  package var kafka: KafkaConfiguration {
    KafkaConfiguration(bootstrapServers: "127.0.0.1:\(broker.port)", sessionTimeout: .seconds(6))
  }

  package init() throws {
    directory =
      FileManager.default.temporaryDirectory.appendingPathComponent("broker-\(UUID().uuidString)").path
    broker = try LocalBroker(directory: directory, host: "127.0.0.1", port: 0, cleanInterval: 0.2)
    broker.start()
  }

  /// Stops the broker and starts it again with the same port and folder.
  package func restart() throws {
    let port = broker.port
    broker.stop()
    Thread.sleep(forTimeInterval: 0.3)
    broker = try LocalBroker(directory: directory, host: "127.0.0.1", port: port, cleanInterval: 0.2)
    broker.start()
  }

  deinit {
    broker.stop()
    try? FileManager.default.removeItem(atPath: directory)
  }
}
