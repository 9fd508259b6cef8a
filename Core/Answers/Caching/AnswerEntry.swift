import Cryptography
import Foundation
import Records
import Settings

/// An answer as it is stored in Redis.
///
/// The format is JSON (`format` 1): `format`, `key` (hex, so that an entry under another key is detected),
/// `made_at` and `expires_at` in milliseconds since 1970, `documents` (id and version of every document that
/// the answer was made from or names as a copy) and `answer`. An entry in an unknown format is a miss.
package struct AnswerEntry: Sendable {
  package static let format = 1
  /// Times in milliseconds that can be added and subtracted without overflow.
  private static let times: ClosedRange<Int64> = 0...(1 << 53)

  package var answer: AnswerRecord
  package var documents: [(id: DocumentID, version: Version)]
  /// A time before the last check of the documents. The entry's age counts from it, however late the entry
  /// was stored.
  package var madeAtMilliseconds: Int64
  /// When the first of the documents expires; 0 means never.
  package var expiresAtMilliseconds: Int64

  package init(
    answer: AnswerRecord, documents: [(id: DocumentID, version: Version)], madeAtMilliseconds: Int64,
    expiresAtMilliseconds: Int64
  ) {
    self.answer = answer
    self.documents = documents
    self.madeAtMilliseconds = madeAtMilliseconds
    self.expiresAtMilliseconds = expiresAtMilliseconds
  }

  package func bytes(_ key: AnswerKey) -> [UInt8] {
    JSONValue.object([
      "format": .int(Self.format), "key": .string(SHA256.hex(key.digest)),
      "made_at": .int(madeAtMilliseconds), "expires_at": .int(expiresAtMilliseconds),
      "documents": .array(
        documents.map { .array([.string($0.id.rawValue), .string($0.version.description)]) }),
      "answer": answer.json,
    ]).bytes
  }

  /// - Returns: nil for bytes that are not an entry of this key; the content of Redis is not trusted.
  package init?(_ bytes: [UInt8], key: AnswerKey) {
    guard let value = try? JSONReader.read(bytes), value["format"]?.integerValue == Int64(Self.format),
      value["key"]?.stringValue == SHA256.hex(key.digest), let madeAt = value["made_at"]?.integerValue,
      let expiresAt = value["expires_at"]?.integerValue, let inner = value["answer"],
      Self.times.contains(madeAt), Self.times.contains(expiresAt),
      let answer = try? AnswerRecord(value: inner.bytes), answer.status == .answered,
      let pairs = value["documents"]?.arrayValue, !pairs.isEmpty
    else { return nil }
    var documents: [(id: DocumentID, version: Version)] = []
    for pair in pairs {
      guard let parts = pair.arrayValue, parts.count == 2,
        let id = parts[0].stringValue.flatMap(DocumentID.init),
        let version = parts[1].stringValue.flatMap({ Version($0) })
      else { return nil }
      documents.append((id, version))
    }
    // Every cited document must be among those that are checked for changes.
    guard
      answer.citations.allSatisfy({ citation in
        documents.contains { $0.id == citation.documentID && $0.version == citation.version }
          && citation.alsoIn.allSatisfy { copy in
            documents.contains { $0.id == copy.document.id && $0.version == copy.version }
          }
      })
    else { return nil }
    self.init(
      answer: answer, documents: documents, madeAtMilliseconds: madeAt, expiresAtMilliseconds: expiresAt)
  }
}
