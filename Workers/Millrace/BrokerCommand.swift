import Supervision
import CommandLine
import Foundation
import LocalBroker
import LocalState
import Services
import Telemetry
import Time

/// `millrace broker`: the local broker, which speaks Kafka's protocol.
enum BrokerCommand {
  static let command = Command(
    "broker", abstract: "Run the local broker: Kafka's protocol for one machine, over SQLite.",
    options: [
      .option("--data", "DIR", "where records are kept (default: broker/ in the state folder)"),
      .option("--port-file", "FILE", "write the port to this file"),
    ]
  ) { arguments in
    let settings = try Configuration.settings(arguments, usingState: false)
    Logger.setThreshold(LogLevel(name: settings.logLevel) ?? .info)
    let isSupervised = ProcessInfo.processInfo.environment[ChildEnvironment.supervised] != nil
    let stop = StopRequest.fromSignals(interrupt: !isSupervised)
    let data = PrivateFolder(
      try arguments.value("--data") ?? StateDirectory.find(arguments).path + "/broker",
      contents: ["broker.sqlite", "broker.sqlite-wal", "broker.sqlite-shm", "broker.lock"],
      marks: ["broker.sqlite", "broker.lock"], early: [])
    try data.create()
    if let line = try data.close() { Terminal.complain(line) }
    let broker = try LocalBroker(
      directory: data.path, host: settings.broker.host, port: UInt16(settings.broker.port),
      synchronous: settings.broker.synchronous, cleanInterval: settings.broker.cleanInterval.seconds)
    broker.start()
    if let file = arguments.value("--port-file") {
      try Data("\(broker.port)\n".utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    }
    for await _ in stop.stream { break }
    broker.stop()
    return .success
  }
}
