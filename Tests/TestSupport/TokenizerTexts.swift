/// Texts that are hard to tokenize. For the same seed, `Tests/Scripts/fuzz_tokenizer.py` makes the same texts.
package enum TokenizerTexts {
  private static let rare: [UInt32] = [0x00, 0x09, 0x0A, 0x0D, 0x20, 0x85, 0xA0, 0x200B, 0xFEFF, 0xFFFD]
  private static let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[cls]", "##"]

  package static func make(_ count: Int, seed: UInt64) -> [String] {
    var random = SplitMix(state: seed)
    func below(_ limit: UInt64) -> UInt32 { UInt32(random.next() % limit) }
    return (0..<count).map { _ in
      var text = ""
      for _ in 0...below(40) {
        let value: UInt32
        switch below(10) {
        case 0, 1, 2: value = 0x61 + below(26)
        case 3: value = 0x20 + below(95)
        case 4: value = below(0x10000)
        case 5: value = below(0x110000)
        case 6: value = 0x300 + below(0x70)
        case 7:
          switch below(5) {
          case 0: value = 0x4E00 + below(0x5200)
          case 1: value = 0xAC00 + below(11172)
          case 2: value = 0x1D150 + below(0x60)
          case 3: value = 0xF900 + below(0x300)
          default: value = 0x0590 + below(0x900)
          }
        case 8: value = rare[Int(below(UInt64(rare.count)))]
        default:
          text += special[Int(below(UInt64(special.count)))]
          continue
        }
        if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
      }
      return text
    }
  }
}
