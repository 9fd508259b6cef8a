import CommandLine
import Encoder
import Foundation
import TestSupport
import Time

/// `millrace-bench encoder-serve`: answers the commands of `Tests/Scripts/bench_encoder.py`, one JSON object per line.
enum EncoderServe {
  private struct Command: Decodable {
    var sequences: [[Int32]]?
    var run: Int?
    var embed: Bool?
    var cpu: Bool?
  }

  static func run(_ words: [String]) async throws {
    func value(_ name: String) -> String? {
      words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
    }
    let wanted = ProcessInfo.processInfo.environment["MILLRACE_ENCODER_SET"]
    guard let set = wanted.map(InstructionSet.init(rawValue:)) ?? .best, set.isPresent else {
      throw UsageError("MILLRACE_ENCODER_SET: this processor lacks '\(wanted ?? "")'")
    }
    guard let precision = EncoderPrecision(rawValue: value("--precision") ?? "auto") else {
      throw UsageError("--precision must be auto, fp32, bf16 or int8")
    }
    let encoder = try Encoder(
      directory: Checkout.model, modelID: "bench", precision: precision,
      threads: value("--threads").flatMap { Int($0) } ?? 1, on: set)
    answer([
      "class": encoder.numericClass.rawValue, "instruction_set": set.rawValue,
      "weight_bytes": encoder.weightBytes, "scratch_bytes": encoder.scratchBytes,
      "dimension": encoder.dimension,
    ])
    var sequences: [[Int32]] = []
    while let line = readLine() {
      let command = try JSONDecoder().decode(Command.self, from: Data(line.utf8))
      if let given = command.sequences {
        sequences = given
        answer(["ok": true])
      }
      if let count = command.run {
        var times: [Double] = []
        for _ in 0..<count {
          let start = ContinuousClock.now
          _ = await encoder.encode(tokens: sequences)
          times.append(Bench.seconds(since: start))
        }
        answer(["seconds": times])
      }
      if command.embed == true {
        let rows = await encoder.encode(tokens: sequences)
        let width = encoder.dimension
        answer([
          "embedding": (0..<sequences.count).map {
            Array(rows[$0 * width..<($0 + 1) * width]).map(Double.init)
          }
        ])
      }
      if command.cpu == true {
        answer([
          "cpu_s": Double(clock()) / Double(CLOCKS_PER_SEC), "rss_bytes": ProcessMemory.bytes("VmRSS"),
          "peak_bytes": ProcessMemory.bytes("VmHWM"),
        ])
      }
    }
  }

  private static func answer(_ object: [String: Any]) {
    guard let data = try? JSONSerialization.data(withJSONObject: object) else { return }
    FileHandle.standardOutput.write(data + Data("\n".utf8))
  }
}
