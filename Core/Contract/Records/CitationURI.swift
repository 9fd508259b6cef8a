/// The address of a document, as far as a reader may be shown it as a link.
package enum CitationURI {
  /// A scheme outside of these can make a click run something (`javascript:`, `data:`, schemes of installed programs).
  package static let schemes: Set<String> = [
    "http", "https", "ftp", "ftps", "sftp", "file", "s3", "gs", "az", "abfs", "abfss", "hdfs", "git", "urn",
    "doi",
    "mailto",
  ]

  /// - Returns: empty for an address without one of the schemes, or with a control character.
  package static func shown(_ uri: String) -> String {
    guard let colon = uri.firstIndex(of: ":"), schemes.contains(uri[..<colon].lowercased()),
      uri.unicodeScalars.allSatisfy({ $0.value > 0x20 && !(0x7F...0x9F).contains($0.value) })
    else { return "" }
    return uri
  }
}
