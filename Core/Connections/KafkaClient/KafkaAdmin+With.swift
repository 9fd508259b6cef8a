/// Opens an admin client for the duration of `body` and closes it, also when `body` throws.
///
/// - Throws: the error that `body` throws.
package func withAdmin<Result>(
  _ configuration: KafkaConfiguration, isolation: isolated (any Actor)? = #isolation,
  _ body: (KafkaAdmin) async throws -> sending Result
) async throws -> sending Result {
  let admin = KafkaAdmin(configuration)
  do {
    let result = try await body(admin)
    await admin.close()
    return result
  } catch {
    await admin.close()
    throw error
  }
}
