/// Runs blocking closures one after another, on a thread of its own.
package actor BlockingCalls {
  private let executor: BlockingExecutor
  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe executor.asUnownedSerialExecutor()
  }

  package init(name: String) { executor = BlockingExecutor(name: name) }

  /// Runs `body` on this actor's thread and returns its result.
  ///
  /// - Throws: the error that `body` throws.
  package func run<Result: Sendable>(_ body: @Sendable () throws -> Result) rethrows -> Result {
    try body()
  }
}
