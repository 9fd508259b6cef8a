import Records

/// Which chunking of which version.
package struct SetID: Sendable, Hashable {
  package var version: Version
  package var digest: [UInt8]
  package init(version: Version, digest: [UInt8]) {
    self.version = version
    self.digest = digest
  }
}
