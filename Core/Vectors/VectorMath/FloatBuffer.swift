import Foundation

/// A run of floats outside Swift's arrays: scratch memory, or a file mapped read-only.
///
/// One owner at a time writes it (an encoder on its executor, an index on its own); mapped weights are
/// never written.
@safe package final class FloatBuffer {
  let base: UnsafeMutablePointer<Float>
  package let count: Int
  private let mapping: MappedFile?

  /// Zeroed scratch memory, 64-byte aligned.
  package init(count: Int) {
    self.count = count
    let bytes = max(64, count * 4)
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    unsafe base = raw.assumingMemoryBound(to: Float.self)
    mapping = nil
  }

  package convenience init(_ values: [Float]) {
    self.init(count: values.count)
    write(values, at: 0)
  }

  /// The floats of a mapped file from `byteOffset`; shared with every process that maps the same file.
  ///
  /// - Precondition: the range lies within the file and starts at a multiple of 4.
  package init(_ file: MappedFile, byteOffset: Int, count: Int) {
    precondition(byteOffset % 4 == 0 && count >= 0 && byteOffset + count * 4 <= file.byteCount)
    self.count = count
    mapping = file
    unsafe base = file.base.advanced(by: byteOffset).assumingMemoryBound(to: Float.self)
  }

  deinit { if mapping == nil { unsafe UnsafeMutableRawPointer(base).deallocate() } }

  package func write(_ values: [Float], at offset: Int) {
    precondition(offset >= 0 && offset + values.count <= count)
    unsafe values.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { unsafe (base + offset).update(from: start, count: values.count) }
    }
  }

  package func read(at offset: Int, count length: Int) -> [Float] {
    precondition(offset >= 0 && length >= 0 && offset + length <= count)
    return unsafe Array(UnsafeBufferPointer(start: base + offset, count: length))
  }

  /// Copies `length` floats within or between buffers.
  package func copy(from source: FloatBuffer, at sourceOffset: Int, to offset: Int, count length: Int) {
    precondition(offset >= 0 && offset + length <= count)
    precondition(sourceOffset >= 0 && sourceOffset + length <= source.count)
    unsafe (base + offset).update(from: source.base + sourceOffset, count: length)
  }

  package subscript(index: Int) -> Float {
    precondition(index >= 0 && index < count)
    return unsafe base[index]
  }
}

// A buffer is handed from one owner to the next and never used by two at once; mapped ones are read-only.
extension FloatBuffer: @unchecked Sendable {}
