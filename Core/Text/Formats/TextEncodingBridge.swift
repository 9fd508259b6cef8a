internal import CICU
internal import CUchardet
import Foundation
import Parsing

/// Converts bytes of any encoding to UTF-8. A byte order mark decides first, then the declared encoding, then
/// UTF-8 if the bytes are valid, then a guess from the content (uchardet).
enum TextEncoding {
  private static let marks: [(bytes: [UInt8], name: String)] = [
    ([0xEF, 0xBB, 0xBF], "UTF-8"), ([0xFF, 0xFE, 0x00, 0x00], "UTF-32LE"),
    ([0x00, 0x00, 0xFE, 0xFF], "UTF-32BE"),
    ([0xFF, 0xFE], "UTF-16LE"), ([0xFE, 0xFF], "UTF-16BE"),
  ]

  /// - Parameter declared: an encoding's name from outside the bytes or from their markup; empty for none.
  /// - Throws: `ParsingError` when no encoding fits, or when the encoding is not known on this machine.
  static func decode(_ bytes: [UInt8], declared: String) throws(ParsingError) -> String {
    if let mark = marks.first(where: { bytes.starts(with: $0.bytes) }) {
      return try convert(Array(bytes.dropFirst(mark.bytes.count)), from: mark.name)
    }
    let name = standardName(declared)
    if !name.isEmpty, name != "UTF-8", let text = try? convert(bytes, from: name) { return text }
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    // The text may be cut inside its last character. Everything before it is valid then.
    for cut in 1...3 where bytes.count > cut && bytes[bytes.count - cut] >= 0xC0 {
      if let text = String(validating: bytes.dropLast(cut), as: UTF8.self) { return text }
    }
    let guess = guess(bytes)
    guard !guess.isEmpty else {
      throw ParsingError(
        .badEncoding, rule: "must be text in UTF-8 or in an encoding that is declared or can be guessed")
    }
    let text = try convert(bytes, from: standardName(guess))
    // No text contains these control characters; in Windows-1252 their bytes are €, quotation marks and dashes.
    if standardName(guess).hasPrefix("ISO-8859"), bytes.contains(where: { (0x80...0x9F).contains($0) }) {
      return try convert(bytes, from: "WINDOWS-1252")
    }
    return text
  }

  /// Maps a name to the encoding that browsers use for it: in practice Latin-1 means Windows-1252.
  private static func standardName(_ name: String) -> String {
    let upper = name.trimmingCharacters(in: .whitespaces).uppercased()
    guard !upper.isEmpty, upper.count <= 40,
      upper.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.:".contains($0)) })
    else { return "" }
    switch upper {
    case "ISO-8859-1", "LATIN1", "US-ASCII", "ASCII": return "WINDOWS-1252"
    case "UTF8": return "UTF-8"
    case "EUC-KR", "KS_C_5601-1987": return "WINDOWS-949"
    case "GB2312", "GBK": return "GB18030"
    default: return upper
    }
  }

  private static func guess(_ bytes: [UInt8]) -> String {
    guard let detector = unsafe uchardet_new() else { return "" }
    defer { unsafe uchardet_delete(detector) }
    let sample = bytes.prefix(1 << 20)
    let code = unsafe sample.withUnsafeBytes { buffer in
      unsafe uchardet_handle_data(
        detector, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    guard code == 0 else { return "" }
    unsafe uchardet_data_end(detector)
    return unsafe uchardet_get_charset(detector).map { unsafe String(cString: $0) } ?? ""
  }

  /// Bytes that are invalid in the encoding become U+FFFD.
  private static func convert(_ bytes: [UInt8], from name: String) throws(ParsingError) -> String {
    if name == "UTF-8" { return String(decoding: bytes, as: UTF8.self) }
    var units: UnsafeMutablePointer<UInt16>?
    var count = 0
    let code = unsafe bytes.withUnsafeBytes { buffer in
      unsafe millrace_icu_decode(name, buffer.baseAddress, buffer.count, &units, &count)
    }
    defer { unsafe free(units) }
    guard code == 0, let units = unsafe units else {
      throw code == -1
        ? ParsingError(.badEncoding, rule: "names the encoding '\(name)', which is not known here")
        : ParsingError(
          .parserMemory, rule: "must be convertible from \(name) within ingest.parserMemoryBytesMax")
    }
    return unsafe String(decoding: UnsafeBufferPointer(start: units, count: count), as: UTF16.self)
  }
}
