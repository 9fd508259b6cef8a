import Records
import Synchronization

/// The highest version per partition, gathered while a topic is read.
final class VersionTable: Sendable {
  private let table = Mutex<[Int32: Version]>([:])

  func raise(_ partition: Int32, to version: Version) {
    table.withLock { if version > $0[partition] ?? Version(epoch: 0, offset: -1) { $0[partition] = version } }
  }

  var versions: [Int32: Version] { table.withLock { $0 } }
}
