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
  /// How long a worker may take to answer. A killed worker is restarted and must first open its index.
  private static let startMax = Duration.seconds(30)

  package private(set) var differences: [Difference] = []
  /// Partitions that no worker serves, or that changed all the time.
  package private(set) var notCompared: [Int32] = []
  package private(set) var comparedCount = 0
  package private(set) var workers = 0

  package var agrees: Bool { differences.isEmpty && notCompared.isEmpty }

  /// - Parameter urls: the addresses of the workers' probes, for example `http://10.0.0.7:9464`. Called again before
  ///   each try, because a restarted worker may have another port.
  /// - Throws: `KafkaFailure`; what `urls` throws; `Unavailable` when a worker has no report for 30 seconds.
  package init(_ settings: Settings, urls: () throws -> [String]) async throws {
    let client = HTTPClient()
    var waiting = Set((0..<settings.partitionCount(.vectors)).map { $0 })
    // Each replica of a partition is compared.
    var compared: Set<String> = []
    var missed: [Int32] = []
    for attempt in 1...Self.triesMax {
      let survey = try await DocumentSurvey(settings, tenant: nil)
      let shown = try await Self.reports(client, urls)
      workers = shown.count
      missed = []
      for (url, partitions) in shown {
        for (partition, shown) in partitions where !compared.contains("\(url) \(partition)") {
          guard let log = survey.partitions[partition], log.nextOffset == shown.nextOffset else {
            missed.append(partition)
            continue
          }
          compared.insert("\(url) \(partition)")
          waiting.remove(partition)
          comparedCount += 1
          if shown.digest != log.live.description {
            differences.append(
              Difference(
                partition: partition, worker: url, index: shown.digest, log: log.live.description))
          }
        }
      }
      let served = shown.flatMap { $0.partitions.keys }
      if missed.isEmpty && waiting.isDisjoint(with: served) || attempt == Self.triesMax { break }
      // 0.5, 1, 2 and 4 s: a restarted worker reads the rest of the log meanwhile.
      try await Task.sleep(for: .milliseconds(250 << attempt))
    }
    // Also include partitions for which a replica did not reach the log's offset in the last try.
    notCompared = waiting.union(missed).sorted()
  }

  private typealias Shown = (url: String, partitions: [Int32: (nextOffset: Int64, digest: String)])

  private static func reports(_ client: HTTPClient, _ urls: () throws -> [String]) async throws -> [Shown] {
    let deadline = ContinuousClock.now + startMax
    while true {
      do {
        var shown: [Shown] = []
        for url in try urls() { shown.append((url, try await partitions(client, url))) }
        return shown
      } catch is Unavailable where ContinuousClock.now < deadline {}
      try await Task.sleep(for: .milliseconds(250))
    }
  }

  private static func partitions(_ client: HTTPClient, _ url: String) async throws
    -> [Int32: (nextOffset: Int64, digest: String)]
  {
    let answer: (status: Int, body: [UInt8])
    do { answer = try await client.response(HTTPRequest(url: url + "/status", timeout: .seconds(10))) } catch
    {
      throw Unavailable("\(url)/status does not answer: \(error)")
    }
    // A search worker has no report before its index is open.
    guard answer.status == 200, let json = try? JSONReader.read(answer.body) else {
      throw Unavailable("\(url)/status answers \(answer.status): is it a search worker?")
    }
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
