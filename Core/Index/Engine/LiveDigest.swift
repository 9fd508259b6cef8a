import Records
import Segments

/// Counts and a digest of the visible documents. The order of the documents does not matter: two replicas that have
/// applied the same records have equal digests. An expired document counts until it is replaced or deleted.
package struct LiveDigest: Sendable, Equatable {
  package private(set) var documents = 0
  package private(set) var chunks = 0
  /// The sum of a hash of each document's key, version and number of chunks, modulo 2⁶⁴.
  package private(set) var sum: UInt64 = 0

  package init() {}

  package init(documents: Int, chunks: Int, sum: UInt64) {
    self.documents = documents
    self.chunks = chunks
    self.sum = sum
  }

  private static func hash(_ document: DocumentKey, _ version: Version, _ chunks: Int) -> UInt64 {
    KeyHash.of(Array("\(document)@\(version)#\(chunks)".utf8))
  }

  package mutating func add(_ document: DocumentKey, _ version: Version, chunks count: Int) {
    documents += 1
    chunks += count
    sum &+= Self.hash(document, version, count)
  }

  package mutating func remove(_ document: DocumentKey, _ version: Version, chunks count: Int) {
    documents -= 1
    chunks -= count
    sum &-= Self.hash(document, version, count)
  }

  package static func + (a: LiveDigest, b: LiveDigest) -> LiveDigest {
    LiveDigest(documents: a.documents + b.documents, chunks: a.chunks + b.chunks, sum: a.sum &+ b.sum)
  }

  /// `documents-chunks-sum`, the sum in hexadecimal.
  package var description: String { "\(documents)-\(chunks)-\(String(sum, radix: 16))" }
}
