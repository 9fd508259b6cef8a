internal import CZLib
import Parsing

/// Unpacks gzip with zlib.
enum Gzip {
  /// - Returns: the content of all members, one after another.
  /// - Throws: `ParsingError` for content that is cut short or damaged, and for more than `bytesMax` bytes.
  static func unpacked(_ bytes: [UInt8], bytesMax: Int) throws(ParsingError) -> [UInt8] {
    var stream = unsafe z_stream()
    // Adding 16 to the window bits makes zlib expect a gzip header.
    guard unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else {
      throw ParsingError(.parserMemory, rule: "must be readable within ingest.parserMemoryBytesMax")
    }
    defer { unsafe inflateEnd(&stream) }
    var input = bytes
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var position = 0
    while true {
      let room = buffer.count
      var (used, made, code): (Int, Int, Int32) = (0, 0, 0)
      unsafe input.withUnsafeMutableBufferPointer { source in
        unsafe buffer.withUnsafeMutableBufferPointer { target in
          unsafe stream.next_in = source.baseAddress?.advanced(by: position)
          unsafe stream.avail_in = UInt32(clamping: source.count - position)
          let before = unsafe stream.avail_in
          unsafe stream.next_out = target.baseAddress
          unsafe stream.avail_out = UInt32(room)
          code = unsafe inflate(&stream, Z_NO_FLUSH)
          used = unsafe Int(before - stream.avail_in)
          made = unsafe room - Int(stream.avail_out)
        }
      }
      position += used
      output += buffer[0..<made]
      guard output.count <= bytesMax else {
        throw ParsingError(
          .tooLong, rule: "must hold at most ingest.textBytesMax, \(bytesMax) bytes, unpacked")
      }
      switch code {
      case Z_STREAM_END:
        // Like gzip: another member may follow, and other bytes after the last member are ignored.
        guard position + 1 < input.count, input[position] == 0x1F, input[position + 1] == 0x8B else {
          return output
        }
        unsafe inflateReset(&stream)
      case Z_OK where used > 0 || made > 0: continue
      case Z_MEM_ERROR:
        throw ParsingError(.parserMemory, rule: "must be readable within ingest.parserMemoryBytesMax")
      default:
        throw ParsingError(
          .unreadable, rule: "must be whole gzip: it is damaged or cut short after \(position) bytes")
      }
    }
  }
}
