/// Decides whether a document's address may be shown to a reader as a link.
package enum CitationURI {
  /// The schemes that are shown. With others, a click could run code (`javascript:`, `data:`) or an installed program.
  package static let schemes: Set<String> = [
    "http", "https", "ftp", "ftps", "sftp", "file", "s3", "gs", "az", "abfs", "abfss", "hdfs", "git", "urn",
    "doi",
    "mailto",
  ]

  /// - Returns: the address; an empty string if it has none of the schemes, or contains a space or a control character.
  package static func shown(_ uri: String) -> String {
    guard let colon = uri.firstIndex(of: ":"), schemes.contains(uri[..<colon].lowercased()),
      uri.unicodeScalars.allSatisfy({ $0.value > 0x20 && !(0x7F...0x9F).contains($0.value) })
    else { return "" }
    return uri
  }
}
