import Foundation

/// Bytes that never change: a file mapped read-only, or a copy in memory. They live as long as this object.
///
/// - Precondition: every access lies within the bytes.
@safe package final class MappedFile {
  let base: UnsafeMutableRawPointer
  package let byteCount: Int
  private let isMapped: Bool

  /// - Throws: `VectorError.cannotMap` with the path and the reason.
  package init(path: String) throws(VectorError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .cannotMap(path: path, reason: unsafe String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    let size = lseek(descriptor, 0, SEEK_END)
    guard size > 0 else { throw .cannotMap(path: path, reason: "the file is empty") }
    byteCount = Int(size)
    guard let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
      unsafe address != MAP_FAILED
    else { throw .cannotMap(path: path, reason: unsafe String(cString: strerror(errno))) }
    unsafe base = address
    isMapped = true
  }

  package init(copying bytes: [UInt8]) {
    byteCount = bytes.count
    isMapped = false
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(64, bytes.count), alignment: 64)
    unsafe bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe base.copyMemory(from: start, byteCount: source.count) }
    }
  }

  deinit {
    if isMapped { unsafe munmap(base, byteCount) } else { unsafe base.deallocate() }
  }

  private func check(_ offset: Int, _ count: Int) {
    precondition(
      offset >= 0 && count >= 0 && count <= byteCount && offset <= byteCount - count,
      "\(count) bytes at \(offset) of \(byteCount)")
  }

  /// Copies bytes out of the file.
  package func bytes(at offset: Int, count: Int) -> [UInt8] {
    check(offset, count)
    return unsafe Array(UnsafeRawBufferPointer(start: base + offset, count: count))
  }

  /// Reads bytes without copying them.
  ///
  /// - Throws: the error that `body` throws.
  package func withSpan<Result>(at offset: Int, count: Int, _ body: (RawSpan) throws -> Result) rethrows
    -> Result
  {
    check(offset, count)
    return try unsafe body(RawSpan(_unsafeStart: base + offset, byteCount: count))
  }

  package func byte(at offset: Int) -> UInt8 {
    check(offset, 1)
    return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
  }

  /// Little-endian, at any offset.
  package func uint32(at offset: Int) -> UInt32 {
    check(offset, 4)
    return unsafe UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Little-endian, at any offset.
  package func uint64(at offset: Int) -> UInt64 {
    check(offset, 8)
    return unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Appends `count` floats. `offset` is a multiple of 4.
  package func appendFloats(at offset: Int, count: Int, to values: inout [Float]) {
    check(offset, count * 4)
    precondition(offset % 4 == 0)
    unsafe values.append(
      contentsOf: UnsafeBufferPointer(
        start: (base + offset).assumingMemoryBound(to: Float.self), count: count))
  }

  /// Compares bytes of this file with others, in byte order: less than 0, 0, or more than 0.
  package func compare(at offset: Int, count: Int, with other: [UInt8]) -> Int {
    check(offset, count)
    let order = unsafe other.withUnsafeBytes { other -> Int32 in
      guard let start = other.baseAddress else { return 0 }
      return unsafe memcmp(base + offset, start, min(count, other.count))
    }
    return order != 0 ? Int(order) : count - other.count
  }

  /// Frees the memory of a mapped file's pages. Later reads load them from the file again.
  package func dropPages() {
    if isMapped { unsafe madvise(base, byteCount, MADV_DONTNEED) }
  }

  /// Reads the whole file into memory, as far as there is room.
  ///
  /// - Returns: false when some bytes can't be read. An access to them would end the process.
  package func populate() -> Bool {
    guard isMapped else { return true }
    // MADV_POPULATE_READ, since Linux 5.14; an older kernel refuses it, and nothing is read. Small steps, so that no
    // call takes long.
    let populateRead: Int32 = 22
    var offset = 0
    while offset < byteCount {
      let count = min(64 << 20, byteCount - offset)
      while unsafe madvise(base + offset, count, populateRead) != 0 {
        if errno == EFAULT || errno == 133 /* EHWPOISON */ { return false }
        guard errno == EINTR || errno == EAGAIN else { return true }
      }
      offset += count
    }
    return true
  }
}

// The bytes are never written after init and live until deinit.
extension MappedFile: @unchecked Sendable {}
