extension Settings {
  /// Parsing and chunking: `ingest.*`.
  package struct Ingest: Sendable {
    package var epoch: UInt32
    package var batchRecordsMax: Int
    package var chunkTokens: Int
    package var overlapTokens: Int
    package var documentBytesMax: Int
    package var textBytesMax: Int
    package var chunksMax: Int
    package var parserTimeout: Duration
    package var parserMemoryBytesMax: Int
    /// Whether a worker refuses to start when its parsers can't be confined by seccomp.
    package var isSandboxRequired: Bool
    /// Whether PDF pages without text are read from their images (OCR), if tesseract is installed.
    package var isOCRWanted: Bool
    /// The names of tesseract's language data, joined by +, for example "eng+deu".
    package var ocrLanguages: String
    /// The time limit of OCR for all pages of one document.
    package var ocrTimeout: Duration
    /// Whether `nav`, `aside`, `header` and `footer` of HTML are always read.
    package var readsMargins: Bool
    package var fieldMap: [String: String]
    /// Whether a document without `acl` is rejected.
    package var aclRequired: Bool
    /// Whether doubtful fields fail a document instead of only causing a warning.
    package var isStrict: Bool

    init(_ table: SettingsTable) throws(SettingsError) {
      epoch = UInt32(try table.integer("ingest.epoch", in: 1...1_000_000))
      batchRecordsMax = try table.integer("ingest.batchRecordsMax", in: 1...10_000)
      chunkTokens = try table.integer("ingest.chunkTokens", in: 8...256)
      overlapTokens = try table.integer("ingest.overlapTokens", in: 0...(chunkTokens - 1))
      documentBytesMax = try table.integer("ingest.documentBytesMax", in: 1024...104_857_600)
      textBytesMax = try table.integer("ingest.textBytesMax", in: 1024...104_857_600)
      chunksMax = try table.integer("ingest.chunksMax", in: 1...1_000_000)
      parserTimeout = try table.duration("ingest.parserTimeout")
      // The minimum is the address space that a parser needs for a small document, with a margin.
      parserMemoryBytesMax = try table.integer(
        "ingest.parserMemoryBytesMax", in: 67_108_864...68_719_476_736)
      isSandboxRequired =
        try table.string("ingest.parserSandbox", "must be required or off") {
          ["required", "off"].contains($0)
        }
        == "required"
      isOCRWanted =
        try table.string("ingest.ocr", "must be off or auto") { ["off", "auto"].contains($0) } == "auto"
      ocrLanguages = try table.string(
        "ingest.ocrLanguages", "must be names of tesseract's language data joined by +, for example eng+deu"
      ) { names in
        names.split(separator: "+", omittingEmptySubsequences: false).allSatisfy { name in
          !name.isEmpty && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F }
        }
      }
      ocrTimeout = try table.duration("ingest.ocrTimeout")
      readsMargins =
        try table.string("ingest.htmlMargins", "must be auto or read") { ["auto", "read"].contains($0) }
        == "read"
      aclRequired = try table.bool("ingest.aclRequired")
      isStrict = try table.bool("ingest.strict")
      fieldMap = try table.pairs("ingest.fieldMap")
    }
  }
}
