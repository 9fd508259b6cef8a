import Records

/// Identifies one chunking of one version of a document.
package struct SetID: Sendable, Hashable {
  package var version: Version
  package var digest: [UInt8]
  package init(version: Version, digest: [UInt8]) {
    self.version = version
    self.digest = digest
  }
}
