/// A file that is being written. It is used on one thread at a time.
package protocol WritableFile: AnyObject {
  func append(_ bytes: [UInt8]) throws(StorageError)
  func sync() throws(StorageError)
  func close()
}
