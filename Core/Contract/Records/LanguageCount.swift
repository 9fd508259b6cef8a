/// How many live chunks of a tenant are in one language.
package struct LanguageCount: Sendable, Equatable, WireMessage {
  /// The first part of a BCP 47 code; empty when it is not known.
  package var code = ""
  package var chunks: UInt64 = 0

  package init() {}

  package init(code: String, chunks: UInt64) {
    self.code = code
    self.chunks = chunks
  }

  func write(to writer: inout WireWriter) {
    writer.string(1, code)
    writer.uint(2, chunks)
  }

  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: code = try reader.string()
    case 2: chunks = try reader.uint64()
    default: return false
    }
    return true
  }
}
