/// A program and the limits under which it is started.
package struct SandboxedProgram: Sendable {
  package var path: String
  /// Without the program's name.
  package var arguments: [String]
  /// The whole environment: "NAME=value".
  package var environment: [String] = []
  /// The limit of the address space; 0 = no limit.
  package var memoryBytesMax: Int
  package var processorSecondsMax: Int
  /// False starts the program without a seccomp filter: the limits hold, but it may do all that its user may.
  package var isFiltered: Bool

  package init(
    path: String, arguments: [String] = [], memoryBytesMax: Int, processorSecondsMax: Int, isFiltered: Bool
  ) {
    self.path = path
    self.arguments = arguments
    self.memoryBytesMax = memoryBytesMax
    self.processorSecondsMax = processorSecondsMax
    self.isFiltered = isFiltered
  }
}
