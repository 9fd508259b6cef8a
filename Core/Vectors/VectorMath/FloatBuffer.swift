import Foundation

/// Floats outside Swift's arrays: scratch memory, or part of a file that is mapped read-only.
///
/// Only one owner at a time writes a buffer: an encoder or an index, each on its own executor. Mapped weights
/// are never written.
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

  /// The floats of a mapped file from `byteOffset`. All processes that map the file share this memory.
  ///
  /// - Precondition: the range lies within the file and starts at a multiple of 4.
  package init(_ file: MappedFile, byteOffset: Int, count: Int) {
    precondition(byteOffset % 4 == 0 && count >= 0 && byteOffset + count * 4 <= file.byteCount)
    self.count = count
    mapping = file
    unsafe base = file.base.advanced(by: byteOffset).assumingMemoryBound(to: Float.self)
  }

  deinit { if mapping == nil { unsafe UnsafeMutableRawPointer(base).deallocate() } }

  /// Valid while this buffer exists.
  @unsafe package var pointer: UnsafePointer<Float> { unsafe UnsafePointer(base) }

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

// A scratch buffer has one owner at a time, on that owner's executor. Mapped buffers are never written.
extension FloatBuffer: @unchecked Sendable {}
