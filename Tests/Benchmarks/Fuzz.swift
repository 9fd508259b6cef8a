import Caching
import Cryptography
import Foundation
import KafkaClient
import Records
import TestSupport
import Settings
import Stage

/// `millrace-bench fuzz [CASES] [SEED]`: feeds random and mutated bytes to every decoder of external bytes.
///
/// A trap ends the process. A decoded value must be equal after encoding and decoding it again, and memory must not
/// grow.
enum Fuzz {
  private struct Decoder {
    var name: String
    var seeds: [[UInt8]]
    /// - Returns: nil when refused, otherwise whether the value is equal after encoding and decoding it again.
    var decode: ([UInt8]) -> Bool?
  }

  private static let json: [String] = [
    #"{"id":"a","tenant":"acme","title":"T","text":"Some text é 😀","metadata":{"k":"v","n":1.5e3,"b":true},"#
      + #""acl":["p"],"language":"en","expires_at":1790000000000,"source":"s"}"#,
    #"{"id":"a","content_base64":"aGVsbG8=","media_type":"text/plain","uri":"https://example.org"}"#,
    #"{"id":"q","tenant":"acme","principals":["p"],"text":"why?","history":[{"role":"user","text":"h"}],"#
      + #""filter":{"k":["v",true,3]},"top_k":4,"deadline_ms":1000,"stream":true,"cache":"refresh","#
      + #""after":"3:17","mode":"retrieve","reply_to":{"topic":"t","partition":1}}"#,
    #"{"id":"a","tenant":"acme","version":"1.17","operation":"put","state":"indexed","chunks":3,"#
      + #""warnings":["w"],"error":{"code":"c","field":"f","message":"m"},"token":"3:17"}"#,
    #"{"id":"q","tenant":"acme","status":"answered","text":"t [1]","citations":[{"n":1,"document_id":"a","#
      + #""version":"1.2","chunk_id":"c","title":"T","uri":"","start":1,"end":2,"quote":"q","score":0.5}],"#
      + #""usage":{"prompt_tokens":1,"completion_tokens":2},"timings_ms":{"embed":{"wait":1,"work":2}},"#
      + #""cache":"exact","shards":{"answered":1,"total":1},"index":{"behind_records":0,"behind_ms":0},"#
      + #""engine":"llm","model":"m"}"#,
    #"{"id":"q","tenant":"acme","action":"cancel"}"#,
    #"{"query_id":"q","tenant":"t","principals":["p"],"question_sha256":"00","documents":["a"],"status":"refused"}"#,
  ]

  /// Inputs that are known to break parsers.
  private static let nasty: [[UInt8]] = [
    Array(repeating: UInt8(ascii: "["), count: 100_000), Array(repeating: UInt8(ascii: "{"), count: 1000),
    Array(#"{"a":"#.utf8), Array(#""\ud800""#.utf8), Array(#""\udc00\ud800""#.utf8), Array("1e999999".utf8),
    Array("-0".utf8), Array("123456789012345678901234567890".utf8),
    Array("0.0000000000000000000001e-400".utf8),
    [0xFF, 0xFE], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0], Array("null".utf8),
    Array(#","id":"b""#.utf8), Array(#""\u0000""#.utf8), [0xEF, 0xBB, 0xBF],
    Array(repeating: 0xFF, count: 11),
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], Array("9223372036854775808".utf8),
  ]

  private static let key = DocumentKey(bytes: "acme/a")

  private static let unit: [Float] = Array(repeating: 0.25, count: 16)

  /// The bytes with their correct checksum.
  private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 4 else { return bytes }
    let sum = Checksum.crc32c(bytes[4...])
    return (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) } + bytes[4...]
  }

  /// A key and an entry of the answer cache.
  private static func cached() throws -> (key: AnswerKey, bytes: [UInt8]) {
    let query = try QueryRecord(value: Array(json[2].utf8))
    let key = AnswerKey(query, settings: try Settings(SettingsTable()), clusterID: "c", rulesVersion: 1)
    let answer = try AnswerRecord(value: Array(json[4].utf8))
    let documents = answer.citations.map { (id: $0.documentID, version: $0.version) }
    let entry = AnswerEntry(
      answer: answer, documents: documents, madeAtMilliseconds: 1_790_000_000_000, expiresAtMilliseconds: 0)
    return (key, entry.bytes(key))
  }

  private static func decoders(wire: [[UInt8]]) throws -> [Decoder] {
    let (answerKey, entry) = try cached()
    let texts = json.map { Array($0.utf8) }
    func round<Value: Equatable>(_ value: Value?, _ again: (Value) -> Value?) -> Bool? {
      value.map { again($0) == $0 }
    }
    let keys = ["acme/a", "acme/a/b@1.2~abcd#0", "acme/x@1.2~deleted#0", "3:17", "1.2", "-/t-1-2"].map {
      Array($0.utf8)
    }
    return [
      Decoder(name: "JSON", seeds: texts) { bytes in
        round(try? JSONReader.read(bytes)) { try? JSONReader.read($0.bytes) }
      },
      Decoder(name: "document", seeds: texts) { bytes in
        guard let key else { return nil }
        return (try? DocumentRecord(value: bytes, key: key)).map { _ in true }
      },
      Decoder(name: "query", seeds: texts) { bytes in
        _ = QueryRecord.identity(of: bytes)
        // Warnings are about unknown names, which are not written.
        var query = try? QueryRecord(value: bytes)
        query?.warnings = []
        return round(query) { try? QueryRecord(value: $0.json.bytes) }
      },
      Decoder(name: "status", seeds: texts) { bytes in
        round(try? StatusRecord(value: bytes)) { try? StatusRecord(value: $0.json.bytes) }
      },
      Decoder(name: "answer", seeds: texts) { bytes in (try? AnswerRecord(value: bytes)).map { _ in true } },
      Decoder(name: "control", seeds: texts) { bytes in
        round(try? ControlRecord(value: bytes)) { try? ControlRecord(value: $0.json.bytes) }
      },
      Decoder(name: "audit", seeds: texts) { bytes in
        round(try? AuditRecord(value: bytes)) { try? AuditRecord(value: $0.json.bytes) }
      },
      Decoder(name: "cached answer", seeds: [entry]) { bytes in
        AnswerEntry(bytes, key: answerKey).map { _ in true }
      },
      Decoder(name: "cached vector", seeds: [EmbeddingCache.encode(unit)]) { bytes in
        // A wrong checksum is refused at once, so half of the cases get the right one.
        let bytes = bytes.count % 2 == 0 ? sealed(bytes) : bytes
        return EmbeddingCache.decode(bytes, dimension: unit.count).map { vector in
          EmbeddingCache.decode(EmbeddingCache.encode(vector), dimension: unit.count) == vector
        }
      },
      Decoder(name: "chunks", seeds: wire) { bytes in
        (try? ChunkBatch(wireBytes: bytes)).map { batch in
          (try? ChunkBatch(wireBytes: batch.wireBytes))?.wireBytes == batch.wireBytes
        }
      },
      Decoder(name: "vectors", seeds: wire) { bytes in
        (try? VectorBatch(wireBytes: bytes)).map { batch in
          (try? VectorBatch(wireBytes: batch.wireBytes))?.wireBytes == batch.wireBytes
        }
      },
      Decoder(name: "search", seeds: wire) { bytes in
        (try? SearchRecord(wireBytes: bytes)).map { record in
          (try? SearchRecord(wireBytes: record.wireBytes))?.wireBytes == record.wireBytes
        }
      },
      Decoder(name: "candidates", seeds: wire) { bytes in
        (try? CandidatesRecord(wireBytes: bytes)).map { record in
          (try? CandidatesRecord(wireBytes: record.wireBytes))?.wireBytes == record.wireBytes
        }
      },
      Decoder(name: "prompt", seeds: wire) { bytes in
        (try? PromptRecord(wireBytes: bytes)).map { record in
          (try? PromptRecord(wireBytes: record.wireBytes))?.wireBytes == record.wireBytes
        }
      },
      Decoder(name: "keys", seeds: keys) { bytes in
        _ = try? DocumentKey(bytes: bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        _ = (Version(text), VectorsToken(text), TenantID(text), QueryID(text))
        return VectorKey(bytes: bytes).map { VectorKey(bytes: $0.bytes) == $0 }
      },
      Decoder(
        name: "commit metadata", seeds: [Array("AAAA//8=".utf8), Array("~1;5;d;2;1;9;3;;77;AAAA//8=".utf8)]
      ) { bytes in
        var progress = PartitionProgress(
          CommittedOffset(nextOffset: 5, metadata: String(decoding: bytes, as: UTF8.self)), logEnd: 9,
          inWorkMax: 4)
        _ = progress.poll(7)
        let metadata = progress.committed(isHandedOver: false).metadata
        return (progress.nextOffset == 7 || progress.nextOffset <= 8) && metadata.utf8.count <= 4096
      },
    ]
  }

  /// - Returns: whether all checks passed.
  static func run(cases: Int, seed: UInt64, golden: String) throws -> Bool {
    // The literals are split over lines with +.
    let whole = golden.replacing("\"\n    + \"", with: "")
    let wire = whole.split(separator: "\"").map(String.init).filter { text in
      text.count > 20 && text.allSatisfy(\.isHexDigit)
    }.map { text in
      stride(from: 0, to: text.count - 1, by: 2).compactMap { index -> UInt8? in
        let start = text.index(text.startIndex, offsetBy: index)
        return UInt8(text[start..<text.index(start, offsetBy: 2)], radix: 16)
      }
    }
    guard wire.count >= 6 else {
      print("fuzz: the golden bytes are missing")
      return false
    }
    var random = SplitMix(state: seed)
    let decoders = try decoders(wire: wire)
    var accepted: [String: Int] = [:]
    var broken: [String: Int] = [:]
    let before = ProcessMemory.bytes("VmHWM")
    let start = ContinuousClock.now
    for number in 0..<cases {
      let decoder = decoders[number % decoders.count]
      let bytes = input(decoder.seeds, &random)
      if let survives = decoder.decode(bytes) {
        accepted[decoder.name, default: 0] += 1
        if !survives {
          if broken[decoder.name] == nil {
            let hex = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            print("fuzz: \(decoder.name) differs after encoding and decoding it again: \(hex)")
          }
          broken[decoder.name, default: 0] += 1
        }
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let grown = (ProcessMemory.bytes("VmHWM") - before) >> 20
    let kept = accepted.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    print(
      "fuzz: \(cases) cases, seed \(seed), \(Int(seconds)) s, peak memory \(ProcessMemory.bytes("VmHWM") >> 20) MB, "
        + "\(grown) MB more than at the start; accepted: \(kept)")
    return broken.isEmpty && before > 0 && grown < 200 && accepted.count == decoders.count
  }

  private static func input(_ seeds: [[UInt8]], _ random: inout SplitMix) -> [UInt8] {
    var bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
    if Int.random(in: 0..<20, using: &random) == 0 {
      return (0..<Int.random(in: 0..<200, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
    }
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      let at = Int.random(in: 0...bytes.count, using: &random)
      switch Int.random(in: 0..<7, using: &random) {
      case 0 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 1 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
      case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0...8, using: &random)))
      case 3:
        // The longest input is rare: it takes as much time as a thousand others.
        let which = Int.random(in: 0..<nasty.count, using: &random)
        if which > 0 || Int.random(in: 0..<100, using: &random) == 0 {
          bytes.insert(contentsOf: nasty[which], at: at)
        }
      case 4: bytes.removeSubrange(at..<bytes.count)
      case 5:
        let other = seeds[Int.random(in: 0..<seeds.count, using: &random)]
        bytes.replaceSubrange(at..<bytes.count, with: other.dropFirst(at))
      default:
        let end = min(bytes.count, at + Int.random(in: 0...40, using: &random))
        bytes.insert(contentsOf: bytes[min(at, end)..<end], at: at)
      }
    }
    return bytes
  }
}

extension DocumentKey {
  fileprivate init?(bytes text: String) { try? self.init(bytes: Array(text.utf8)) }
}
