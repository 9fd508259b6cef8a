import CommandLine
import LocalState
import Records
import Supervision

/// `millrace doctor`: shows what is missing or wrong on this machine, and how to correct it.
enum DoctorCommand {
  static let command = Command(
    "doctor", abstract: "Show what is missing or wrong on this machine, and how to correct it.",
    discussion: "Exit code 1 when something that `up` needs is missing or wrong."
  ) { arguments in
    let settings = try Configuration.settings(arguments, mustRun: false)
    let findings = await Doctor.examine(settings, try StateDirectory.find(arguments))
    if arguments.flag("--json") {
      Terminal.print(
        JSONValue.array(
          findings.map {
            .object([
              "grade": .string($0.grade.rawValue), "subject": .string($0.subject), "text": .string($0.text),
              "advice": $0.advice.isEmpty ? nil : .string($0.advice),
            ])
          }
        ).text)
    } else {
      for finding in findings {
        let mark =
          [Doctor.Finding.Grade.ok: "ok     ", .warning: "warning", .failure: "FAILED "][finding.grade] ?? ""
        Terminal.print("\(mark)  \(finding.subject): \(finding.text)")
        if !finding.advice.isEmpty { Terminal.print("         \(finding.advice)") }
      }
    }
    return findings.contains { $0.grade == .failure } ? .failure : .success
  }
}
