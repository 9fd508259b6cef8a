import Failures
import Records

/// A document whose record is too large for its topic.
package struct RecordTooLarge: Failure {
  package var id: DocumentID
  package var byteCount: Int
  package var setting: String
  package var limit: Int

  package var kind: FailureKind { .rejected }
  package var description: String {
    "\(id): its record takes \(byteCount) bytes, but the limit \(setting) is \(limit); "
      + "content that is not text is sent as base64, which is a third larger"
  }
}
