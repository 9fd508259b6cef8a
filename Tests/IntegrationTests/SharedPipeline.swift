import Testing

/// A pipeline with the default options, shared by those tests of a suite that don't kill or restart its processes. Each
/// test uses ids or a tenant of its own.
struct SharedPipeline: SuiteTrait, TestScoping {
  @TaskLocal static var current: Pipeline?

  /// False: one pipeline for the suite, not one for each test.
  var isRecursive: Bool { false }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let pipeline = try Pipeline()
    try await Self.$current.withValue(pipeline) { try await function() }
  }
}

extension Trait where Self == SharedPipeline {
  static var sharedPipeline: SharedPipeline { SharedPipeline() }
}
