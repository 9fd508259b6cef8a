import Cryptography
import TestSupport
import Testing

@testable import Tokenizer

@Suite struct TokenizerTests {
  /// The digest that `Tests/Scripts/fuzz_tokenizer.py` prints for Hugging Face's tokenizer.
  private static let expected = "3df206d372f0e918b5cd12e50acc23f4fef9a28d32b72d3c8154b50de950495e"

  @Test("20,000 random texts get the same token IDs as from Hugging Face's tokenizer")
  func random() throws {
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    var bytes: [UInt8] = []
    for text in TokenizerTexts.make(20_000, seed: 1) {
      let ids = tokenizer.encode(text, tokensMax: .max)
      for number in [Int32(ids.count)] + ids {
        for shift in stride(from: 0, to: 32, by: 8) {
          bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
      }
    }
    #expect(SHA256.hex(SHA256.digest(bytes)) == Self.expected)
  }

  @Test("a text is cut at the limit, and a word of more than 100 characters is unknown")
  func limits() throws {
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    let hundred = String(repeating: "a", count: 100)
    #expect(!tokenizer.encode(hundred).contains(tokenizer.unknownID))
    #expect(
      tokenizer.encode(hundred + "a") == [tokenizer.startID, tokenizer.unknownID, tokenizer.separatorID])
    let long = String(repeating: "embeddings ", count: 50)
    let whole = tokenizer.encode(long, tokensMax: .max)
    #expect(tokenizer.tokenCount(long) == whole.count - 2)
    for limit in [2, 3, 7, 20] {
      #expect(tokenizer.encode(long, tokensMax: limit) == whole.prefix(limit - 1) + [tokenizer.separatorID])
    }
  }

  @Test("combining marks are sorted by combining class; marks of one class keep the order of the text")
  func order() {
    var word = BertWord()
    word.append(UInt8(ascii: "a"))
    let marks: [(mark: String, order: UInt8)] = [("\u{1D166}", 216), ("\u{302E}", 224), ("\u{1D165}", 216)]
    for (mark, order) in marks { word.append(Array(mark.utf8)[...], order: order) }
    #expect(word.bytes == Array("a\u{1D166}\u{1D165}\u{302E}".utf8))
  }

  @Test("a word of a million combining marks to sort takes no quadratic time")
  func marks() throws {
    let tokenizer = try WordPieceTokenizer(path: Checkout.model + "/vocab.txt")
    let marks = String(repeating: "\u{302E}\u{1D165}", count: 500_000)
    let time = ProcessorTime.measure {
      #expect(tokenizer.tokenCount("a" + marks + " b") == 2)
      #expect(tokenizer.encode("a" + marks).dropFirst().first == tokenizer.unknownID)
    }
    #expect(time < .seconds(60), "\(time)")
  }
}
