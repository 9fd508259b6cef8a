/// The reason why a record or a document is rejected, for programs: the `code` in status events, answers and
/// dead letters.
package enum ErrorCode: String, Sendable, Codable, CaseIterable, CustomStringConvertible {
  case badEncoding = "bad_encoding"
  case badID = "bad_id"
  case badKey = "bad_key"
  /// The document has no text, at most images of text.
  case noText = "no_text"
  case badPDF = "bad_pdf"
  case badRecord = "bad_record"
  case badTenant = "bad_tenant"
  case badType = "bad_type"
  case badValue = "bad_value"
  case emptyText = "empty_text"
  case internalFault = "internal"
  case keyMismatch = "key_mismatch"
  /// Processes died while they worked on the record.
  case killsProcesses = "kills_processes"
  /// A process or file could not be created at the moment. The document is not at fault, and its record is
  /// retried.
  case machineFault = "machine_fault"
  case missingField = "missing_field"
  case notJSON = "not_json"
  case outOfRange = "out_of_range"
  case parserMemory = "parser_memory"
  case parserTimeout = "parser_timeout"
  case ocrTimeout = "ocr_timeout"
  case parserUnavailable = "parser_unavailable"
  case tooComplex = "too_complex"
  case tooLarge = "too_large"
  case tooLong = "too_long"
  case tooManyChunks = "too_many_chunks"
  case unreadable
  case unsupported
  case unsupportedMediaType = "unsupported_media_type"
  case wrongModel = "wrong_model"
  case wrongPartition = "wrong_partition"

  package var description: String { rawValue }
}
