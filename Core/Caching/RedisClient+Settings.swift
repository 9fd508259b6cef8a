import RedisClient
import Settings

extension RedisClient {
  /// The Redis that the settings name; nil when they name none.
  ///
  /// - Throws: `SettingsError` for an address that can't be read.
  package static func named(in settings: Settings) throws(SettingsError) -> RedisClient? {
    let text = settings.redis.address
    if text.isEmpty { return nil }
    guard let address = RedisAddress(text) else {
      throw SettingsError(
        key: "redis.address", value: settings.table.shown("redis.address"), rule: RedisAddress.rule)
    }
    return RedisClient(address, deadline: settings.redis.deadline)
  }
}
