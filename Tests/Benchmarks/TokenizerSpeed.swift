import Foundation
import TestSupport
import Tokenizer

/// `millrace-bench tokenize` and `tokenizer-rate`, for `Tests/Scripts/fuzz_tokenizer.py`.
enum TokenizerSpeed {
  /// Reads one JSON string per line, and prints the ids of its tokens.
  static func tokenize() throws {
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    while let line = readLine() {
      let text = try JSONDecoder().decode(String.self, from: Data(line.utf8))
      print("[" + tokenizer.encode(text, tokensMax: .max).map(String.init).joined(separator: ",") + "]")
    }
  }

  /// Prints the rate on the texts of a file of documents, which are read in parts of 1,000 characters.
  static func rate(_ path: String) throws {
    struct Document: Decodable { var text: String }
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    let text = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
      try JSONDecoder().decode(Document.self, from: Data($0.utf8)).text
    }.joined(separator: " ")
    let scalars = Array(text.unicodeScalars)
    let parts = stride(from: 0, to: scalars.count, by: 1000).map { start -> String in
      var part = String.UnicodeScalarView()
      part.append(contentsOf: scalars[start..<min(start + 1000, scalars.count)])
      return String(part)
    }
    var rates: [Double] = []
    for _ in 0..<5 {
      let start = ContinuousClock.now
      var count = 0
      for part in parts { count += tokenizer.encode(part, tokensMax: .max).count }
      rates.append(Double(text.utf8.count) / Bench.seconds(since: start) / 1e6)
      if count == 0 { return }
    }
    print("\(Bench.format(Bench.median(rates))) MB/s")
  }
}
