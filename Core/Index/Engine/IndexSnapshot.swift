import Storage

/// Copies the newest durable state of an index, also while its worker runs, and restores such a copy.
package enum IndexSnapshot {
  /// How often copying is tried: the worker may replace the state and remove its files meanwhile.
  private static let triesMax = 20

  /// - Parameter folder: an empty or new folder.
  /// - Returns: the manifest of the copy.
  /// - Throws: `StorageError`, also when the index has no durable state or the folder is not empty.
  package static func take(_ disk: any Disk, to folder: any Disk) throws(StorageError) -> Manifest {
    guard try folder.names().isEmpty else {
      throw StorageError(.failed, file: folder.path, "must be an empty folder")
    }
    for _ in 0..<triesMax {
      guard let number = try Manifest.numbers(disk).first else {
        throw StorageError(
          .missing, file: disk.path,
          "holds no stored index yet: the worker stores it within search.checkpointInterval")
      }
      do throws(StorageError) {
        let manifest = try Manifest(disk, number: number)
        try copy(manifest, from: disk, to: folder)
        return manifest
      } catch {
        // The worker has stored a newer state meanwhile, and has removed files of this one.
        guard error.code == .missing else { throw error }
        for name in try folder.names() { try folder.remove(name) }
      }
    }
    throw StorageError(.failed, file: disk.path, "the index changes faster than it can be copied")
  }

  /// Replaces what a volume holds by a snapshot. No other process may use the volume meanwhile.
  ///
  /// - Returns: the manifest of the snapshot.
  /// - Throws: `StorageError`, also when the snapshot is damaged: then the volume is unchanged.
  package static func restore(_ snapshot: any Disk, to disk: any Disk) throws(StorageError) -> Manifest {
    guard let number = try Manifest.numbers(snapshot).first else {
      throw StorageError(.missing, file: snapshot.path, "holds no stored index")
    }
    let manifest = try Manifest(snapshot, number: number)
    // Reads and checks every byte.
    _ = try IndexEngine(snapshot, IndexOptions(model: manifest.model), manifest)
    for name in try disk.names() where name != "lock" { try disk.remove(name) }
    try disk.syncNames()
    try copy(manifest, from: snapshot, to: disk)
    return manifest
  }

  /// Copies the manifest last: files without a manifest are not an index.
  private static func copy(_ manifest: Manifest, from: any Disk, to: any Disk) throws(StorageError) {
    let own = Manifest.name(manifest.number)
    for name in manifest.files.sorted() where name != own { try from.copy(name, to: to) }
    try to.syncNames()
    // Renamed as in a checkpoint, so that a manifest that exists is complete.
    try from.copy(own, to: to, as: "new-\(own)")
    try to.rename("new-\(own)", to: own)
    try to.syncNames()
  }
}
