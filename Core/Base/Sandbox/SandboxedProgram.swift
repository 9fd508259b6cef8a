/// A program and the limits under which it is started.
package struct SandboxedProgram: Sendable {
  package var path: String
  /// Without the program's name.
  package var arguments: [String]
  /// The whole environment: "NAME=value".
  package var environment: [String] = []
  /// Address space.
  package var memoryBytesMax: Int
  package var processorSecondsMax: Int
  /// False starts the program without a seccomp filter: with its limits, but as free as its user.
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
