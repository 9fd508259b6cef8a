import Foundation

/// BERT's uncased WordPiece tokenizer, as Hugging Face's `BertTokenizerFast` runs it.
///
/// - SeeAlso: Devlin et al. 2019, arXiv:1810.04805; in the `tokenizers` crate: BertNormalizer,
///   BertPreTokenizer, WordPiece.
package struct WordPieceTokenizer: Sendable {
  /// The tree has at most one node for each byte of the vocabulary, and its nodes are numbered in 24 bits.
  static let vocabularyBytesMax = 1 << 24

  private let trie: PieceTrie
  /// The tree's node for pieces inside a word, after "##"; nil if the vocabulary has none.
  private let insideWord: Int?
  /// Special tokens are recognised in raw text, as the reference implementation does.
  private let special: [(text: [UInt8], id: Int32)]
  package let unknownID: Int32
  package let startID: Int32
  package let separatorID: Int32

  /// - Parameter vocabulary: one token per line; the line number, from 0, is the id (`vocab.txt`).
  /// - Throws: `TokenizerError` when a special token is missing, or the vocabulary is too large.
  package init(vocabulary: String) throws {
    guard vocabulary.utf8.count < Self.vocabularyBytesMax else {
      throw TokenizerError.tooLarge(byteCount: vocabulary.utf8.count)
    }
    var lines = Array(vocabulary.utf8).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    let trie = PieceTrie(lines.enumerated().map { (Array($1), Int32($0)) })
    func id(_ token: String) throws -> Int32 {
      let bytes = Array(token.utf8)
      guard let found = trie.longest(bytes, from: 0, at: PieceTrie.root), found.end == bytes.count else {
        throw TokenizerError.missingToken(token)
      }
      return found.id
    }
    unknownID = try id("[UNK]")
    startID = try id("[CLS]")
    separatorID = try id("[SEP]")
    special = try ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map { (Array($0.utf8), try id($0)) }
    insideWord = trie.node(of: Array("##".utf8))
    self.trie = trie
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
    let bytes = Array(text.utf8)
    let table = BertTable.shared
    var word = BertWord()
    var index = 0
    while index < bytes.count, tokens.count < limit {
      let byte = bytes[index]
      guard byte < 0x80 else {
        let (scalar, length) = Self.scalar(bytes, at: index)
        index += length
        take(scalar, bytes[index - length..<index], table, &word, &tokens)
        continue
      }
      if byte == UInt8(ascii: "["), let match = specialToken(bytes, at: index) {
        flush(&word, &tokens)
        tokens.append(match.id)
        index += match.text.count
        continue
      }
      index += 1
      switch Self.ascii[Int(byte)] {
      case .letter: word.append(byte | (0x41...0x5A ~= byte ? 0x20 : 0))
      case .space: flush(&word, &tokens)
      case .punctuation:
        flush(&word, &tokens)
        word.append(byte)
        flush(&word, &tokens)
      case .drop: break
      }
    }
    if tokens.count < limit { flush(&word, &tokens) }
    if tokens.count > limit { tokens.removeLast(tokens.count - limit) }
  }

  private enum ASCII { case letter, space, punctuation, drop }

  private static let ascii: [ASCII] = (0..<128).map { byte in
    switch byte {
    case 0x09, 0x0A, 0x0D, 0x20: .space
    case 0..<0x20, 0x7F: .drop
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: .punctuation
    default: .letter
    }
  }

  private func specialToken(_ bytes: [UInt8], at index: Int) -> (text: [UInt8], id: Int32)? {
    special.first { bytes[index...].starts(with: $0.text) }
  }

  /// Decodes the non-ASCII scalar at a position of valid UTF-8.
  private static func scalar(_ bytes: [UInt8], at index: Int) -> (value: UInt32, length: Int) {
    let first = UInt32(bytes[index])
    func rest(_ offset: Int) -> UInt32 { UInt32(bytes[index + offset] & 0x3F) }
    if first < 0xE0 { return ((first & 0x1F) << 6 | rest(1), 2) }
    if first < 0xF0 { return ((first & 0x0F) << 12 | rest(1) << 6 | rest(2), 3) }
    return ((first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4)
  }

  /// Adds a non-ASCII character to the current word, or ends the word, by the rule of the table.
  private func take(
    _ scalar: UInt32, _ bytes: ArraySlice<UInt8>, _ table: BertTable, _ word: inout BertWord,
    _ tokens: inout [Int32]
  ) {
    switch table.rule(scalar) {
    case .drop: break
    case .space: flush(&word, &tokens)
    case .mark(let isBarrier): if isBarrier { word.endRun() }
    case .same: word.append(bytes)
    case .ordered: word.append(bytes, order: table.order(scalar))
    case .punctuation, .ideograph:
      flush(&word, &tokens)
      word.append(bytes)
      flush(&word, &tokens)
    case .hangul:
      // Split the syllable into its letters (the Unicode Standard, section 3.12).
      let syllable = scalar - 0xAC00
      let letters = [0x1100 + syllable / 588, 0x1161 + syllable % 588 / 28, 0x11A7 + syllable % 28]
      for letter in letters where letter != 0x11A7 {
        word.append([0xE1, UInt8(0x80 | letter >> 6 & 0x3F), UInt8(0x80 | letter & 0x3F)])
      }
    case .mapped(let number, let isIdeograph):
      if isIdeograph { flush(&word, &tokens) }
      takeMapped(table.text(number), table, &word, &tokens)
      if isIdeograph { flush(&word, &tokens) }
    }
  }

  /// Adds a text of the table. Its characters are not mapped again.
  private func takeMapped(
    _ text: ArraySlice<UInt8>, _ table: BertTable, _ word: inout BertWord, _ tokens: inout [Int32]
  ) {
    let bytes = Array(text)
    var index = 0
    while index < bytes.count {
      let (scalar, length) = bytes[index] < 0x80 ? (UInt32(bytes[index]), 1) : Self.scalar(bytes, at: index)
      let character = bytes[index..<index + length]
      index += length
      switch table.rule(scalar) {
      case .punctuation:
        flush(&word, &tokens)
        word.append(character)
        flush(&word, &tokens)
      case .ordered: word.append(character, order: table.order(scalar))
      default: word.append(character)
      }
    }
  }

  /// Appends the tokens of the word, and begins another word.
  private func flush(_ word: inout BertWord, _ tokens: inout [Int32]) {
    guard word.characterCount > 0 else { return word.endRun() }
    defer { word.removeAll() }
    guard word.characterCount <= BertWord.characterMax else {
      tokens.append(unknownID)
      return
    }
    let firstToken = tokens.count
    var start = 0
    var node: Int? = PieceTrie.root
    while start < word.bytes.count {
      guard let from = node, let piece = trie.longest(word.bytes, from: start, at: from) else {
        tokens.removeLast(tokens.count - firstToken)
        tokens.append(unknownID)
        return
      }
      tokens.append(piece.id)
      start = piece.end
      node = insideWord
    }
  }
}
