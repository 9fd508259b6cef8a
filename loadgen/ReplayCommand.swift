import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Services
import Stage

/// `loadgen replay`: sends each query at its time in a recorded trace, whether or not earlier queries are answered.
enum ReplayCommand {
  static let command = Command(
    "replay", abstract: "Send queries at the times of a recorded trace and wait for their answers.",
    discussion: """
      The loop is open: each query is sent at its time in the trace, whether earlier queries are answered or not. Its
      latency counts from that time. Before the run, the generator measures its own highest rate with the broker alone.
      A run in which the generator was the limit is reported as invalid. SIGINT or SIGTERM stops the sending; queries
      that were sent are still waited for and reported.
      """,
    arguments: "TRACE",
    options: [
      .option(
        "--questions", "FILE", "required: the questions to send, a JSON line each, with id and question"),
      .option("--speed", "N", "speed compared with the recording, for example 10x (default 1x)"),
      .option("--rate", "N", "queries per second on average, instead of --speed"),
      .option("--duration", "TIME", "how long to send, for example 60s or 5m (default: the trace once)"),
      .option("--tenant", "NAME", "the tenant of the queries (default: default)"),
      .option("--deadline", "MS", "each query's deadline in milliseconds, 1 to 600000 (default 60000)"),
      .option(
        "--cache", "POLICY", "default, bypass (don't use the answer cache) or refresh (only store answers)"),
      .option("--mode", "MODE", "answer, or retrieve for only the retrieved chunks (default answer)"),
    ]
  ) { arguments in
    let plan = try ReplayPlan(arguments)
    let settings = try Configuration.settings(arguments)
    let report = try await Replay(plan, settings, StateDirectory.find(arguments)).run(
      until: StopRequest.fromSignals(interrupt: true))
    Terminal.print(arguments.flag("--json") ? report.json.text : report.text)
    return report.isGood ? .success : .failure
  }
}
