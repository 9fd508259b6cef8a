import RedisClient
import Settings

extension RedisAddress {
  /// The Redis that the settings name; nil when they name none.
  ///
  /// - Throws: `SettingsError` for an invalid address, or for a file with the address that can't be read.
  package static func named(in settings: Settings) throws(SettingsError) -> RedisAddress? {
    let setting = settings.redis.address
    if setting.isEmpty { return nil }
    guard var address = RedisAddress(try setting.read()) else {
      throw SettingsError(
        key: "redis.address", value: settings.table.shown("redis.address"), rule: RedisAddress.rule)
    }
    address.caFile = settings.redis.caFile
    return address
  }
}

extension RedisClient {
  /// A client of the Redis that the settings name; nil when they name none.
  ///
  /// - Throws: `SettingsError` for an invalid address, or for a file with the address that can't be read.
  package static func named(in settings: Settings) throws(SettingsError) -> RedisClient? {
    guard let address = try RedisAddress.named(in: settings) else { return nil }
    return RedisClient(address, deadline: settings.redis.deadline)
  }
}
