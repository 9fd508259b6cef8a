import Storage
import Synchronization
import TestSupport
import VectorMath

/// A disk in memory. After a power failure, synced bytes of files and synced names are kept; of the rest, any part may
/// survive. From a chosen call on, every call fails.
final class SimulatedDisk: Disk {
  private final class Node {
    var bytes: [UInt8] = []
    var syncedCount = 0
    /// The lengths of the unsynced writes.
    var pending: [Int] = []
  }

  private enum NameChange {
    case create(String, Node)
    case rename(String, String)
    case remove(String)
  }

  private struct State {
    var names: [String: Node] = [:]
    var durable: [String: Node] = [:]
    var changes: [NameChange] = []
    var calls = 0
    var cutAt = Int.max
    var isFull = false
  }

  private let state = Mutex<State>(State())
  let path = "simulated"

  init() {}

  private init(_ files: [String: [UInt8]]) {
    state.withLock { state in
      for (name, bytes) in files {
        let node = Node()
        node.bytes = bytes
        node.syncedCount = bytes.count
        state.names[name] = node
        state.durable[name] = node
      }
    }
  }

  /// The same files on another disk, all durable.
  var copy: SimulatedDisk { SimulatedDisk(state.withLock { $0.names.mapValues(\.bytes) }) }

  /// The number of calls so far that did not fail.
  var calls: Int { state.withLock { $0.calls } }
  /// The power fails after this number of calls.
  func cut(at call: Int) { state.withLock { $0.cutAt = call } }
  func setFull(_ isFull: Bool) { state.withLock { $0.isFull = isFull } }

  private static func count(_ state: inout State, isWrite: Bool = true) throws(StorageError) {
    guard state.calls < state.cutAt else { throw StorageError(.failed, file: "", "no power") }
    guard !state.isFull || !isWrite else { throw StorageError(.full, file: "", "no room") }
    state.calls += 1
  }

  /// A disk with the files that are found when the power is back.
  func afterPowerLoss(_ random: inout SplitMix) -> SimulatedDisk {
    let (durable, changes) = state.withLock { ($0.durable, $0.changes) }
    var names = durable
    let chance = Int.random(in: 0...4, using: &random)
    for change in changes where Int.random(in: 0..<4, using: &random) < chance {
      switch change {
      case .create(let name, let node): names[name] = node
      case .rename(let name, let new): if let node = names.removeValue(forKey: name) { names[new] = node }
      case .remove(let name): names[name] = nil
      }
    }
    return SimulatedDisk(
      names.mapValues { node in
        var bytes = Array(node.bytes[..<node.syncedCount])
        var start = node.syncedCount
        for length in node.pending {
          switch Int.random(in: 0..<4, using: &random) {
          case 0: return bytes
          case 1: bytes += [UInt8](repeating: 0, count: length)
          case 2: bytes += node.bytes[start..<start + length / 2]
          default: bytes += node.bytes[start..<start + length]
          }
          start += length
        }
        return bytes
      })
  }

  /// A file's bytes, to damage them.
  func bytes(_ name: String) -> [UInt8] { state.withLock { $0.names[name]?.bytes ?? [] } }
  func replace(_ name: String, _ bytes: [UInt8]) { state.withLock { $0.names[name]?.bytes = bytes } }

  func names() throws(StorageError) -> [String] {
    try state.withLock { state throws(StorageError) in
      try Self.count(&state, isWrite: false)
      return Array(state.names.keys)
    }
  }

  func create(_ name: String) throws(StorageError) -> any WritableFile {
    try state.withLock { state throws(StorageError) in
      try Self.count(&state)
      let node = Node()
      state.names[name] = node
      state.changes.append(.create(name, node))
    }
    return File(self, name)
  }

  func open(_ name: String) throws(StorageError) -> MappedFile {
    try state.withLock { state throws(StorageError) in
      try Self.count(&state, isWrite: false)
      guard let node = state.names[name] else { throw StorageError(.missing, file: name, "does not exist") }
      return MappedFile(copying: node.bytes)
    }
  }

  func rename(_ name: String, to new: String) throws(StorageError) {
    try state.withLock { state throws(StorageError) in
      try Self.count(&state)
      guard let node = state.names.removeValue(forKey: name) else {
        throw StorageError(.missing, file: name, "does not exist")
      }
      state.names[new] = node
      state.changes.append(.rename(name, new))
    }
  }

  func remove(_ name: String) throws(StorageError) {
    try state.withLock { state throws(StorageError) in
      try Self.count(&state, isWrite: false)
      state.names[name] = nil
      state.changes.append(.remove(name))
    }
  }

  func syncNames() throws(StorageError) {
    try state.withLock { state throws(StorageError) in
      try Self.count(&state)
      state.durable = state.names
      state.changes = []
    }
  }

  private final class File: WritableFile {
    private let disk: SimulatedDisk
    private let name: String

    init(_ disk: SimulatedDisk, _ name: String) {
      self.disk = disk
      self.name = name
    }

    func append(_ bytes: [UInt8]) throws(StorageError) {
      try disk.state.withLock { state throws(StorageError) in
        try SimulatedDisk.count(&state)
        state.names[name]?.bytes += bytes
        state.names[name]?.pending.append(bytes.count)
      }
    }

    func sync() throws(StorageError) {
      try disk.state.withLock { state throws(StorageError) in
        try SimulatedDisk.count(&state)
        guard let node = state.names[name] else { return }
        node.syncedCount = node.bytes.count
        node.pending = []
      }
    }

    func close() {}
  }
}
