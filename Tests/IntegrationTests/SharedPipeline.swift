import Testing

/// A pipeline with the default options that the tests of a suite share, as far as they leave its processes alone. Each
/// uses ids or a tenant of its own.
struct SharedPipeline: SuiteTrait, TestScoping {
  @TaskLocal static var current: Pipeline?

  /// Of the suite only, not of each test.
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
