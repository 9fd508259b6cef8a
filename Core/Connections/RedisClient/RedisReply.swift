/// One reply to a command.
package enum RedisReply: Sendable, Equatable {
  case null
  case status(String)
  case integer(Int64)
  case bytes([UInt8])
  case error(String)
  case array([RedisReply])

  package var bytesValue: [UInt8]? {
    if case .bytes(let bytes) = self { return bytes }
    return nil
  }
}
