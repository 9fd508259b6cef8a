import VectorMath

/// One flat folder with the files of an index. The engine reads and writes files only through this protocol, so that a
/// test can put faults between the engine and the disk.
///
/// Written bytes survive a loss of power only after `sync` of their file. That a file was created, renamed or removed
/// survives it only after `syncNames`.
package protocol Disk: Sendable {
  /// The folder's path, for messages.
  var path: String { get }
  /// The names of all files, in no order.
  func names() throws(StorageError) -> [String]
  /// Creates an empty file. It replaces an existing file of this name.
  func create(_ name: String) throws(StorageError) -> any WritableFile
  /// Opens a finished file for reading.
  func open(_ name: String) throws(StorageError) -> MappedFile
  /// Renames a file. An existing file of the new name is replaced in one step.
  func rename(_ name: String, to new: String) throws(StorageError)
  func remove(_ name: String) throws(StorageError)
  func syncNames() throws(StorageError)
}
