import Foundation
import Records

extension AnswerRecord {
  /// The time that each stage worked, and that the query waited for it, as people read it.
  package var timingsText: String {
    timings.map {
      "\($0.stage) \(String(format: "%.1f", $0.workMilliseconds)) ms "
        + "(waited \(String(format: "%.1f", $0.waitMilliseconds)))"
    }.joined(separator: ", ")
  }
}
