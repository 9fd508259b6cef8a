/// Opens a reader for the duration of `body` and closes it, also when `body` throws.
///
/// - Throws: the error that `body` throws.
package func withReader<Result>(
  _ configuration: KafkaConfiguration, isolation: isolated (any Actor)? = #isolation,
  _ body: (ReplayReader) async throws -> sending Result
) async throws -> sending Result {
  let reader = ReplayReader(configuration)
  do {
    let result = try await body(reader)
    await reader.close()
    return result
  } catch {
    await reader.close()
    throw error
  }
}
