internal import CZip
import Foundation
import Parsing

/// The files in a ZIP archive, with a limit on what is unpacked in all.
@safe final class Archive {
  private static let entriesMax = 20_000

  private let pointer: OpaquePointer
  private let source: UnsafeMutableRawBufferPointer
  private var indices: [String: Int64] = [:]
  private var left: Int

  /// - Parameter bytesMax: the most bytes that may be unpacked from the archive in all.
  /// - Throws: `ParsingError` for bytes that are not a ZIP archive, and for one with too many files.
  init(_ bytes: [UInt8], bytesMax: Int) throws(ParsingError) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
    unsafe copy.copyBytes(from: bytes)
    guard let archive = unsafe millrace_zip_open(copy.baseAddress, bytes.count) else {
      unsafe copy.deallocate()
      throw ParsingError(.unreadable, rule: "must be a whole ZIP archive: it is damaged or cut short")
    }
    unsafe source = copy
    unsafe pointer = archive
    left = bytesMax
    let count = unsafe millrace_zip_count(archive)
    guard count <= Self.entriesMax else {
      throw ParsingError(.tooComplex, rule: "must hold at most \(Self.entriesMax) files")
    }
    for index in 0..<max(0, count) {
      if let name = unsafe millrace_zip_name(archive, index) { indices[unsafe String(cString: name)] = index }
    }
  }

  deinit {
    unsafe millrace_zip_close(pointer)
    unsafe source.deallocate()
  }

  var names: [String] { Array(indices.keys) }

  /// - Returns: nil when the archive has no such file.
  /// - Throws: `ParsingError` for a file that is damaged, encrypted or too long.
  func read(_ name: String) throws(ParsingError) -> [UInt8]? {
    guard let index = indices[name] else { return nil }
    var content: UnsafeMutablePointer<UInt8>?
    var count = 0
    let code = unsafe millrace_zip_read(pointer, index, left, &content, &count)
    defer { unsafe free(content) }
    switch Int(code) {
    case Int(MILLRACE_ZIP_OK):
      left -= count
      return unsafe Array(UnsafeBufferPointer(start: content, count: count))
    case Int(MILLRACE_ZIP_TOO_LARGE):
      throw ParsingError(
        .tooLong, rule: "must be smaller when unpacked: a file in the archive is too long (\(name))")
    case Int(MILLRACE_ZIP_ENCRYPTED):
      throw ParsingError(.unreadable, rule: "must not be protected by a password")
    default:
      throw ParsingError(.unreadable, rule: "must be whole: a file in the archive is damaged (\(name))")
    }
  }

  /// - Returns: nil when the archive has no such file.
  /// - Throws: `ParsingError`, as `read`, and for a file that is not XML.
  func xml(_ name: String) throws(ParsingError) -> XMLTree? {
    guard let bytes = try read(name) else { return nil }
    guard let tree = XMLTree(bytes) else {
      throw ParsingError(.unreadable, rule: "must be whole: a file in the archive is not XML (\(name))")
    }
    return tree
  }
}
