struct WireTiming: WireMessage {
  var timing = StageTiming(stage: "", waitMilliseconds: 0, workMilliseconds: 0)
  init() {}
  init(_ timing: StageTiming) { self.timing = timing }
  func write(to writer: inout WireWriter) {
    writer.string(1, timing.stage)
    writer.double(2, timing.waitMilliseconds)
    writer.double(3, timing.workMilliseconds)
  }
  mutating func read(_ field: UInt32, from reader: inout WireReader) throws(WireError) -> Bool {
    switch field {
    case 1: timing.stage = try reader.string()
    case 2: timing.waitMilliseconds = try reader.double()
    case 3: timing.workMilliseconds = try reader.double()
    default: return false
    }
    return true
  }
}
