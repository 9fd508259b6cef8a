import CommandLine
import Pools
import Foundation
import KafkaClient
import LocalState
import Records
import Settings
import Stage
import Telemetry

/// `millrace contract`: prints the names that other systems rely on. The chart's tests check every name in a rendered
/// chart against them.
enum ContractCommand {
  static let command = Command(
    "contract",
    abstract: "Print the names that others rely on: topics, groups, pools, metrics, probes, ports, settings.",
    discussion: "The output depends on the settings: --search-shards 4 prints the groups of four shards."
  ) { arguments in
    let settings = try Configuration.settings(arguments, usingState: false)
    Terminal.print(contract(settings).text)
    return .success
  }

  private static func contract(_ settings: Settings) -> JSONValue {
    let topics = settings.topics.map { topic -> JSONValue in
      .object([
        "name": .string(settings.topic(topic.topic)), "partitions": .int(topic.partitionCount),
        "settings": .object(
          topic.settings.sorted { $0.key < $1.key }.map { JSONMember(name: $0.key, value: .string($0.value)) }
        ),
      ])
    }
    let groups = ConsumerGroup.all(of: settings.search.layout).map { group -> JSONValue in
      .object([
        "group": .string(settings.group(group)), "topic": .string(settings.topic(group.topic)),
        "pool": .string(group.pool.name), "shard": .int(group.shard),
      ])
    }
    let pools = Pool.all(shards: settings.search.shards).map { pool -> JSONValue in
      .object([
        "name": .string(pool.name), "command": .array(pool.arguments.map(JSONValue.string)),
        "secrets": .array(pool.secrets.map(JSONValue.string)),
      ])
    }
    let port = settings.table.deployment["ports.http"].flatMap { Int($0) } ?? settings.http.port
    return .object([
      "topics": .array(topics), "groups": .array(groups), "pools": .array(pools),
      "metrics": .array(MetricName.all.flatMap(\.seriesNames).sorted().map(JSONValue.string)),
      "probes": .object([
        "liveness": .string(ProbeService.livenessPath), "readiness": .string(ProbeService.readinessPath),
        "metrics": .string(ProbeService.metricsPath),
      ]),
      "ports": .object(["http": .int(port)]),
      "settings": .array(settings.table.entries.map { .string($0.key) }),
    ])
  }
}
