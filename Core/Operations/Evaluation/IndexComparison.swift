import Client
import Failures
import HTTPClient
import Records
import Settings

/// Compares what search workers show with an independent reading of `rag.vectors`, by partition: counts of documents
/// and chunks, and a digest of keys and versions.
package struct IndexComparison: Sendable {
  /// A partition whose index does not show what the log says.
  package struct Difference: Sendable {
    package var partition: Int32
    package var worker: String
    package var index: String
    package var log: String
  }

  private static let triesMax = 5
  /// How long a worker may take to answer: one that was killed is restarted, and opens its index first.
  private static let startMax = Duration.seconds(30)

  package private(set) var differences: [Difference] = []
  /// Partitions that no worker serves, or that changed all the time.
  package private(set) var notCompared: [Int32] = []
  package private(set) var comparedCount = 0
  package private(set) var workers = 0

  package var agrees: Bool { differences.isEmpty && notCompared.isEmpty }

  /// - Parameter urls: of the workers' probes, for example `http://10.0.0.7:9464`.
  /// - Throws: `KafkaFailure`; `Unavailable` when a worker has no report for 30 seconds.
  package init(_ settings: Settings, urls: [String]) async throws {
    workers = urls.count
    let client = HTTPClient()
    var waiting = Set((0..<settings.partitionCount(.vectors)).map { $0 })
    // Each replica of a partition is compared.
    var compared: Set<String> = []
    var served: [String: Int32] = [:]
    for attempt in 1...Self.triesMax where attempt == 1 || !waiting.isEmpty || compared.count < served.count {
      let survey = try await DocumentSurvey(settings, tenant: nil)
      for url in urls {
        for (partition, shown) in try await Self.partitions(client, url) {
          served["\(url) \(partition)"] = partition
          guard let log = survey.partitions[partition], log.nextOffset == shown.nextOffset,
            compared.insert("\(url) \(partition)").inserted
          else { continue }
          waiting.remove(partition)
          comparedCount += 1
          if shown.digest != log.live.description {
            differences.append(
              Difference(
                partition: partition, worker: url, index: shown.digest, log: log.live.description))
          }
        }
      }
      if waiting.isDisjoint(with: served.values) && compared.count >= served.count { break }
      if attempt == Self.triesMax { break }
      // 0.5, 1, 2 and 4 s: a restarted worker reads the rest of the log meanwhile.
      try await Task.sleep(for: .milliseconds(250 << attempt))
    }
    // Also a partition that one of its replicas never showed at the log's offset.
    let missed = served.filter { !compared.contains($0.key) }.map(\.value)
    notCompared = waiting.union(missed).sorted()
  }

  private static func partitions(_ client: HTTPClient, _ url: String) async throws
    -> [Int32: (nextOffset: Int64, digest: String)]
  {
    let json = try await status(client, url)
    var partitions: [Int32: (nextOffset: Int64, digest: String)] = [:]
    for member in json["partitions"]?.members ?? [] {
      guard let partition = Int32(member.name),
        let next = member.value["next_offset"]?.numberText.flatMap({ Int64($0) }),
        let digest = member.value["digest"]?.stringValue
      else { continue }
      partitions[partition] = (next, digest)
    }
    return partitions
  }

  private static func status(_ client: HTTPClient, _ url: String) async throws -> JSONValue {
    let deadline = ContinuousClock.now + startMax
    while true {
      let problem: String
      do {
        let answer = try await client.response(HTTPRequest(url: url + "/status", timeout: .seconds(10)))
        if answer.status == 200, let json = try? JSONReader.read(answer.body) { return json }
        // A search worker has no report before its index is open.
        problem = "\(url)/status answers \(answer.status): is it a search worker?"
      } catch {
        problem = "\(url)/status does not answer: \(error)"
      }
      if ContinuousClock.now >= deadline { throw Unavailable(problem) }
      try await Task.sleep(for: .milliseconds(250))
    }
  }

  package var json: JSONValue {
    .object([
      "workers": .int(workers), "compared": .int(comparedCount), "agrees": .bool(agrees),
      "not_compared": .array(notCompared.map { JSONValue.int($0) }),
      "differences": .array(
        differences.map {
          .object([
            "partition": .int($0.partition), "worker": .string($0.worker), "index": .string($0.index),
            "log": .string($0.log),
          ])
        }),
    ])
  }

  package var text: String {
    var lines = [
      "index: \(comparedCount) partitions of \(workers) workers compared with rag.vectors, \(differences.count) differ"
    ]
    for difference in differences {
      lines.append(
        "  partition \(difference.partition) of \(difference.worker): shows \(difference.index), and the log says "
          + "\(difference.log) (documents-chunks-digest)")
    }
    if !notCompared.isEmpty {
      lines.append("  not compared: \(notCompared.map(String.init).joined(separator: ", "))")
    }
    return lines.joined(separator: "\n")
  }
}
