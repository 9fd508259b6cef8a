import Foundation

/// BERT's uncased WordPiece tokenizer, as Hugging Face's `BertTokenizerFast` runs it.
///
/// - SeeAlso: Devlin et al. 2019, arXiv:1810.04805; in the `tokenizers` crate: BertNormalizer,
///   BertPreTokenizer, WordPiece.
package struct WordPieceTokenizer: Sendable {
  package static let wordLengthMax = 100

  private let ids: [String: Int32]
  /// The number of Unicode scalars in the longest token; longer substrings are not looked up. Counted after
  /// canonical decomposition, because Swift's strings are equal when their decompositions are.
  private let tokenLengthMax: Int
  /// Special tokens are recognised in raw text, as the reference implementation does.
  private let special: [(text: [Unicode.Scalar], id: Int32)]
  package let unknownID: Int32
  package let startID: Int32
  package let separatorID: Int32

  /// - Parameter vocabulary: one token per line; the line number, from 0, is the id (`vocab.txt`).
  /// - Throws: `TokenizerError` when a special token is missing.
  package init(vocabulary: String) throws {
    var ids: [String: Int32] = [:]
    var lines = vocabulary.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    ids.reserveCapacity(lines.count)
    var tokenLengthMax = 0
    for (index, line) in lines.enumerated() {
      let token = String(Substring(line))
      ids[token] = Int32(index)
      let isASCII = token.utf8.count == line.count
      let decomposed = isASCII ? token : token.decomposedStringWithCanonicalMapping
      tokenLengthMax = max(tokenLengthMax, decomposed.unicodeScalars.count)
    }
    self.tokenLengthMax = tokenLengthMax
    func id(_ token: String) throws -> Int32 {
      guard let id = ids[token] else { throw TokenizerError.missingToken(token) }
      return id
    }
    unknownID = try id("[UNK]")
    startID = try id("[CLS]")
    separatorID = try id("[SEP]")
    special = try ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map {
      (Array($0.unicodeScalars), try id($0))
    }
    self.ids = ids
  }

  /// Reads `vocab.txt`.
  ///
  /// - Throws: `TokenizerError` when a special token is missing; Foundation's error for a file that can't be
  ///   read.
  package init(path: String) throws {
    try self.init(vocabulary: String(contentsOfFile: path, encoding: .utf8))
  }

  /// The ids of the text's tokens between `[CLS]` and `[SEP]`, cut to `tokensMax` ids in all.
  package func encode(_ text: String, tokensMax: Int = 256) -> [Int32] {
    var tokens = [startID]
    append(text, to: &tokens, limit: tokensMax - 1)
    tokens.append(separatorID)
    return tokens
  }

  /// The number of WordPiece tokens of `text`, without `[CLS]` and `[SEP]`.
  package func tokenCount(_ text: some StringProtocol) -> Int {
    var tokens: [Int32] = []
    append(String(text), to: &tokens, limit: .max)
    return tokens.count
  }

  private func append(_ text: String, to tokens: inout [Int32], limit: Int) {
    var word: [Unicode.Scalar] = []
    let scalars = Array(text.unicodeScalars)
    var pending: [Unicode.Scalar] = []  // scalars before a special token, normalised together
    var index = 0
    while index < scalars.count, tokens.count < limit {
      if scalars[index] == "[", let match = special.first(where: { scalars[index...].starts(with: $0.text) })
      {
        split(pending, &word, &tokens, limit)
        pending.removeAll(keepingCapacity: true)
        if tokens.count < limit { tokens.append(match.id) }
        index += match.text.count
      } else {
        pending.append(scalars[index])
        index += 1
      }
    }
    split(pending, &word, &tokens, limit)
    if tokens.count > limit { tokens.removeLast(tokens.count - limit) }
  }

  /// Normalises, splits at white space and punctuation, and appends the pieces of each word.
  private func split(
    _ scalars: [Unicode.Scalar], _ word: inout [Unicode.Scalar], _ tokens: inout [Int32], _ limit: Int
  ) {
    for scalar in BertNormalizer.normalize(scalars) {
      if tokens.count >= limit { return }
      if BertNormalizer.isWhiteSpace(scalar) {
        flush(&word, &tokens)
      } else if BertNormalizer.isPunctuation(scalar) {
        flush(&word, &tokens)
        word.append(scalar)
        flush(&word, &tokens)
      } else {
        word.append(scalar)
      }
    }
    flush(&word, &tokens)
  }

  private func flush(_ word: inout [Unicode.Scalar], _ tokens: inout [Int32]) {
    guard !word.isEmpty else { return }
    defer { word.removeAll(keepingCapacity: true) }
    guard word.count <= Self.wordLengthMax else {
      tokens.append(unknownID)
      return
    }
    let firstToken = tokens.count
    var start = 0
    while start < word.count {
      var end = min(word.count, start + tokenLengthMax)
      var piece: Int32?
      while start < end {
        var text = String.UnicodeScalarView()
        if start > 0 { text.append(contentsOf: "##".unicodeScalars) }
        text.append(contentsOf: word[start..<end])
        if let id = ids[String(text)] {
          piece = id
          break
        }
        end -= 1
      }
      guard let piece else {
        tokens.removeLast(tokens.count - firstToken)
        tokens.append(unknownID)
        return
      }
      tokens.append(piece)
      start = end
    }
  }
}
