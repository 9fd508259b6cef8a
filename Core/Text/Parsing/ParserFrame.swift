/// The layout of requests and replies in the pipes of a parser's child: the byte lengths of the head and of the body,
/// each as a little-endian integer of 32 bits; then the head in JSON, then the body.
package enum ParserFrame {
  package static let lengthBytes = 8

  /// - Precondition: each part is shorter than 4 GiB.
  package static func lengths(head: Int, body: Int) -> [UInt8] {
    [UInt32(clamping: head), UInt32(clamping: body)].flatMap { length in
      (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * UInt32($0))) }
    }
  }

  /// - Returns: nil unless there are exactly eight bytes.
  package static func lengths(_ bytes: [UInt8]) -> (head: Int, body: Int)? {
    guard bytes.count == lengthBytes else { return nil }
    func length(_ start: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) } }
    return (length(0), length(4))
  }
}
