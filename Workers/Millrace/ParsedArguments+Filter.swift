import CommandLine
import Records

extension Command.Option {
  /// `--filter JSON`.
  static let metadataFilter = Command.Option.option(
    "--filter", "JSON",
    #"only documents whose metadata match, for example {"site":"north","year":{"$gte":2020}}"#)
}

extension ParsedArguments {
  /// The value of `--filter`; nil when it is not given.
  ///
  /// - Throws: `UsageError`, which names the condition that can't be used.
  func metadataFilter() throws -> MetadataFilter? {
    guard let text = value("--filter") else { return nil }
    do { return try MetadataFilter(json: JSONReader.read(Array(text.utf8))) } catch {
      throw UsageError("--filter: \(error)")
    }
  }
}
