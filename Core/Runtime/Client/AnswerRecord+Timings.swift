import Foundation
import Records

extension AnswerRecord {
  /// The milliseconds that each stage worked on the query, and that the query waited for it, as text for people.
  package var timingsText: String {
    timings.map {
      "\($0.stage) \(String(format: "%.1f", $0.workMilliseconds)) ms "
        + "(waited \(String(format: "%.1f", $0.waitMilliseconds)))"
    }.joined(separator: ", ")
  }
}
