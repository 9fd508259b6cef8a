import Foundation

/// A file mapped read-only for as long as this object lives.
@safe package final class MappedFile {
  let base: UnsafeMutableRawPointer
  package let byteCount: Int

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
  }

  deinit { unsafe munmap(base, byteCount) }

  /// Copies bytes out of the file.
  package func bytes(at offset: Int, count: Int) -> [UInt8] {
    precondition(offset >= 0 && count >= 0 && offset + count <= byteCount)
    return unsafe Array(UnsafeRawBufferPointer(start: base + offset, count: count))
  }
}

// The mapping is read-only and lives until deinit.
extension MappedFile: @unchecked Sendable {}
