import CommandLine
import Foundation
import KafkaClient
import LocalState
import Records
import Services
import Stage

/// `loadgen replay`: queries at the times of a recorded trace, whatever becomes of the earlier ones.
enum ReplayCommand {
  static let command = Command(
    "replay", abstract: "Send queries at the times of a recorded trace and follow each to its end.",
    discussion: """
      An open loop: a query is sent when the trace says so, whether earlier ones are answered or not, and its time
      counts from that moment. Before the run the generator measures its own ceiling against the broker alone; a run
      in which it was the limit is called invalid. SIGINT or SIGTERM ends the sending; what was sent is followed to its
      end and reported.
      """,
    arguments: "TRACE",
    options: [
      .option("--questions", "FILE", "JSON lines with id and question"),
      .option("--speed", "N", "times as fast as recorded: 10x (default 1x)"),
      .option("--rate", "N", "queries per second on average, instead of --speed"),
      .option("--duration", "TIME", "how long to send: 60s, 5m (default: once through the trace)"),
      .option("--tenant", "NAME", "tenant (default: default)"),
      .option("--deadline", "MS", "of each query (default 60000)"),
      .option("--cache", "POLICY", "default, bypass or refresh"),
      .option("--mode", "MODE", "answer or retrieve"),
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
