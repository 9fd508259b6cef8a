import Records
import Storage

extension ByteWriter {
  package mutating func version(_ version: Version) {
    varint(UInt64(version.epoch))
    int(version.offset)
    int(version.reading)
  }
}

extension ByteReader {
  package mutating func small() throws(StorageError) -> UInt32 {
    guard let number = UInt32(exactly: try varint()) else { throw corrupt("a number of more than 32 bits") }
    return number
  }

  package mutating func version() throws(StorageError) -> Version {
    Version(epoch: try small(), offset: try int(), reading: try int())
  }
}
