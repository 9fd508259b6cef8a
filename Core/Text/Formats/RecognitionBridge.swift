internal import COCR

/// Reads pictures of pages with tesseract, if it is installed.
package enum Recognition {
  /// Loads tesseract and the data of some languages, "eng+deu". It opens files: call it before the process is confined.
  ///
  /// - Returns: what is missing; nil when pictures can be read.
  package static func open(languages: String) -> String? {
    var fault = [CChar](repeating: 0, count: 256)
    let code = unsafe fault.withUnsafeMutableBufferPointer { buffer in
      unsafe millrace_ocr_open(languages, buffer.baseAddress, buffer.count)
    }
    guard code != 0 else { return nil }
    return String(decoding: fault.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// - Parameter gray: `width * height` bytes, row by row.
  /// - Returns: tesseract's table of blocks, lines and words; nil when it fails.
  static func table(gray: ArraySlice<UInt8>, width: Int, height: Int, dotsPerInch: Int) -> String? {
    guard width > 0, height > 0, gray.count == width * height else { return nil }
    guard
      let text = unsafe gray.withUnsafeBufferPointer({ buffer in
        unsafe millrace_ocr_table(buffer.baseAddress, Int32(width), Int32(height), Int32(dotsPerInch))
      })
    else { return nil }
    defer { unsafe millrace_ocr_free(text) }
    return unsafe String(cString: text)
  }
}
