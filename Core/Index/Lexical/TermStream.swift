import Storage

/// The terms of one tenant in the order of their bytes.
package protocol TermStream {
  /// - Returns: nil at the end.
  /// - Throws: `StorageError` when what is stored can't be read.
  mutating func next() throws(StorageError) -> TermPostings?
}
