import Records
import Synchronization

/// For some tenants, the term statistics of all shards together, collected from the queries that came with them. A
/// shard that weighs terms by nearly the right statistics seldom leaves out a hit that another round would have to
/// find.
final class SharedStatisticsCache: Sendable {
  private struct Tenant {
    var statistics = LexicalStatistics()
    var languages: [String] = []
    /// The value of `uses` at the last use, so the tenant used last has the highest.
    var usedAt = 0
  }

  private struct State {
    var tenants: [TenantID: Tenant] = [:]
    var uses = 0
  }

  private static let tenantsMax = 256
  private static let termsMax = 16_384

  private let state = Mutex(State())

  func note(_ shared: SharedStatistics, of tenant: TenantID) {
    state.withLock { state in
      state.uses += 1
      var known = state.tenants[tenant] ?? Tenant()
      let new = shared.statistics
      if known.statistics.frequencies.count > Self.termsMax { known.statistics.frequencies = [:] }
      known.statistics.chunks = new.chunks
      known.statistics.length = new.length
      known.statistics.frequencies.merge(new.frequencies) { $1 }
      known.languages = shared.languages
      known.usedAt = state.uses
      state.tenants[tenant] = known
      if state.tenants.count > Self.tenantsMax,
        let oldest = state.tenants.min(by: { $0.value.usedAt < $1.value.usedAt })?.key
      {
        state.tenants[oldest] = nil
      }
    }
  }

  /// - Returns: nil for a tenant that nothing is known of.
  func knowledge(of tenant: TenantID) -> (statistics: LexicalStatistics, languages: [String])? {
    state.withLock { state in
      state.uses += 1
      state.tenants[tenant]?.usedAt = state.uses
      return state.tenants[tenant].map { ($0.statistics, $0.languages) }
    }
  }
}
