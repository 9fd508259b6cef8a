import Synchronization
import VectorMath

/// Keeps files in memory, for an index without a volume. Such an index is rebuilt from the log at each start.
package final class MemoryDisk: Disk {
  private final class File: WritableFile {
    private let disk: MemoryDisk
    private let name: String
    private var bytes: [UInt8] = []
    private var isClosed = false

    init(_ disk: MemoryDisk, _ name: String) {
      self.disk = disk
      self.name = name
    }

    func append(_ bytes: [UInt8]) { self.bytes += bytes }
    func sync() {}
    func close() {
      guard !isClosed else { return }
      isClosed = true
      let file = MappedFile(copying: bytes)
      disk.files.withLock { $0[name] = file }
      bytes = []
    }
  }

  private let files = Mutex<[String: MappedFile]>([:])

  package let path = "memory"

  package init() {}

  package func names() -> [String] { files.withLock { Array($0.keys) } }
  package func create(_ name: String) -> any WritableFile { File(self, name) }

  /// - Throws: `StorageError` with the code `.missing`.
  package func open(_ name: String) throws(StorageError) -> MappedFile {
    guard let file = files.withLock({ $0[name] }) else {
      throw StorageError(.missing, file: name, "does not exist")
    }
    return file
  }

  /// - Throws: `StorageError` with the code `.missing`.
  package func rename(_ name: String, to new: String) throws(StorageError) {
    guard let file = files.withLock({ $0.removeValue(forKey: name) }) else {
      throw StorageError(.missing, file: name, "does not exist")
    }
    files.withLock { $0[new] = file }
  }

  package func remove(_ name: String) { files.withLock { $0[name] = nil } }
  package func syncNames() {}
}
