import Cryptography
import Foundation
import VectorMath

/// The tensors of a safetensors file, mapped read-only.
///
/// Format: 8 bytes little-endian length of a JSON header, the header
/// (`name: {dtype, shape, data_offsets}`), then the data. Only F32 is read here.
struct SafeTensors: Sendable {
  private let file: MappedFile
  private let dataStart: Int
  private let entries: [String: Entry]

  private struct Entry: Decodable, Sendable {
    var dtype: String
    var shape: [Int]
    var data_offsets: [Int]
  }

  /// - Throws: `VectorError` naming the file; Foundation's error for a header that can't be decoded.
  init(path: String) throws {
    file = try MappedFile(path: path)
    guard file.byteCount >= 8 else { throw VectorError.badModel("\(path) is shorter than its header") }
    let length = file.bytes(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(file.byteCount - 8), length < 1 << 28 else {
      throw VectorError.badModel("\(path): its header can't have \(length) bytes")
    }
    dataStart = 8 + Int(length)
    let header = Data(file.bytes(at: 8, count: Int(length)))
    var entries: [String: Entry] = [:]
    guard let object = try JSONSerialization.jsonObject(with: header) as? [String: Any] else {
      throw VectorError.badModel("\(path): the header is no JSON object")
    }
    for (name, value) in object where name != "__metadata__" {
      entries[name] = try JSONDecoder().decode(
        Entry.self, from: JSONSerialization.data(withJSONObject: value))
    }
    self.entries = entries
  }

  /// The start of the SHA-256 of the header and of the file's last mebibyte, which is enough to tell models apart.
  var fingerprint: String {
    let last = min(1 << 20, file.byteCount)
    let bytes = file.bytes(at: 0, count: dataStart) + file.bytes(at: file.byteCount - last, count: last)
    return String(SHA256.hex(SHA256.digest(bytes)).prefix(16))
  }

  /// Frees the memory of the file's pages. Later reads load them from the file again.
  func dropPages() { file.dropPages() }

  /// - Throws: `VectorError.badModel` when the tensor is missing, or has another type or shape.
  func tensor(_ name: String, shape: [Int]) throws -> FloatBuffer {
    guard let entry = entries[name] ?? entries["bert." + name] else {
      throw VectorError.badModel("tensor '\(name)' is missing")
    }
    // Each width is bounded, so that no product overflows.
    guard shape.allSatisfy({ (0...(1 << 28)).contains($0) }) else {
      throw VectorError.badModel("tensor '\(name)': the configuration's shape \(shape) is too large")
    }
    let count = shape.reduce(1, *)
    guard entry.dtype == "F32", entry.shape == shape, entry.data_offsets.count == 2,
      entry.data_offsets.allSatisfy({ (0...file.byteCount).contains($0) }),
      entry.data_offsets[1] - entry.data_offsets[0] == count * 4,
      dataStart + entry.data_offsets[1] <= file.byteCount
    else {
      throw VectorError.badModel("tensor '\(name)' is \(entry.dtype) \(entry.shape), expected F32 \(shape)")
    }
    let offset = dataStart + entry.data_offsets[0]
    guard offset % 4 == 0 else { throw VectorError.badModel("tensor '\(name)' is not aligned") }
    return FloatBuffer(file, byteOffset: offset, count: count)
  }
}
