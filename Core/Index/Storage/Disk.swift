import VectorMath

/// The file door of the index: one flat folder. The engine reads and writes nothing else, so that a test can stand
/// between it and the disk.
///
/// What was written survives a loss of power only after `sync` of its file; that a file exists, has its new name or is
/// gone, only after `syncNames`.
package protocol Disk: Sendable {
  /// What messages call it.
  var path: String { get }
  /// The names of all files, in no order.
  func names() throws(StorageError) -> [String]
  /// Makes an empty file, also where one of this name exists.
  func create(_ name: String) throws(StorageError) -> any WritableFile
  /// The bytes of a file that nobody writes any more.
  func open(_ name: String) throws(StorageError) -> MappedFile
  /// Replaces a file of the new name in one step.
  func rename(_ name: String, to new: String) throws(StorageError)
  func remove(_ name: String) throws(StorageError)
  func syncNames() throws(StorageError)
}
