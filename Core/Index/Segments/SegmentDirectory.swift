import Records
import Storage
import VectorMath

/// Where the sections of a segment lie. The directory is stored behind the sections; its own offset is the last 8 bytes
/// of the segment's content.
struct SegmentDirectory: Sendable, Equatable {
  /// The sections in the order in which they are written. All numbers are little-endian; every section begins at a
  /// multiple of 64.
  enum Section: Int, CaseIterable {
    /// For each tenant the panels of its full groups of 32 rows.
    case panels
    /// fp32 vectors, row-major: with bf16 panels those of all rows, with fp32 panels those of rows that are in no
    /// panel.
    case vectors
    /// For each row the number of its document, 4 bytes.
    case rowDocuments
    /// For each document 48 bytes: first row (4), rows (4), access list or 2³²-1 for the whole tenant (4), length of
    /// its facts (4), offset of its facts (8), expiry in ms since 1970 (8), offset of its key (8), length of its key
    /// (4), tenant (4).
    case documents
    /// The documents' keys, `tenant/id` as UTF-8, one after another.
    case keys
    /// For each document a `DocumentFacts`: its digest and its properties, each after its length as a varint.
    case facts
    /// Access lists: their number (4), for each the number of its first hash (4), the number of all hashes (4), then
    /// the hashes (16 each).
    case access
    /// For each document, in the order of the hashes: the hash of its key (8), its number (4).
    case hashes
    /// For each tenant 32 bytes: first document (4), documents (4), first row (4), rows (4), first panel (4), position
    /// in `vectors` of its first row without a panel (4), length of its name (4), 0 (4). Its documents' keys begin with
    /// its name.
    case tenants
    /// zstd frames. Each holds some `Chunk` messages, each message after its length as a varint.
    case texts
    /// For each block of texts 24 bytes: its first row (4), unpacked bytes (4), offset in `texts` (8), packed bytes
    /// (4), 0 (4).
    case textBlocks
    /// For each row the number of terms in each field (`FieldLengths`, 8 bytes).
    case rowLengths
    /// For each row the hash of its folded text, 8 bytes.
    case rowHashes
    /// For each tenant its rows, counted from its first row, in the order of their `rowHashes`, 4 bytes each.
    case rowsByHash
    /// For each document the number of its language in `words`, 1 byte.
    case documentLanguages
    /// Lists of postings (`PostingsWriter`), those of a tenant beside each other.
    case postings
    /// The tenants' terms (`TermBlock`).
    case terms
    /// For each block of terms its offset in `terms`, 8 bytes.
    case termBlocks
    /// For each code the counts that it stands for (`TermCounts`, 4 bytes).
    case termCounts
    /// For each tenant 56 bytes: first block of terms (4), terms (4), the mean weighted length that its saturations
    /// were computed with (fp32, 4), 0 (4), the offset of its postings in `postings` (8), the terms in each field of
    /// all its rows (8 each).
    case wordTenants
    /// The weights of the fields that saturations were computed with, in hundredths (4 bytes each), and the codes of
    /// languages, each after its length as a varint.
    case words
  }

  static let magic = "MLRSEG03"
  static let wordTenantBytes = 56
  static let documentBytes = 48
  static let tenantBytes = 32
  static let textBlockBytes = 24
  static let everyone = UInt32.max

  var dimension = 0
  var kind = Panels.Kind.bf16
  var rowCount = 0
  var documentCount = 0
  var tenantCount = 0
  var textBlockCount = 0
  /// The largest distance between a row's vector and the rounded one in its panel; 0 for fp32 panels.
  var roundingError: Float = 0
  /// The largest length of a vector that lies in a panel.
  var longest: Float = 0
  /// Bytes of all chunk messages before compression.
  var textBytes = 0
  var sections: [(offset: Int, count: Int)] = []

  subscript(section: Section) -> (offset: Int, count: Int) { sections[section.rawValue] }

  static func == (a: SegmentDirectory, b: SegmentDirectory) -> Bool { a.bytes == b.bytes }

  var bytes: [UInt8] {
    var writer = ByteWriter()
    for number in [
      dimension, Int(kind.rawValue), rowCount, documentCount, tenantCount, textBlockCount, textBytes,
    ] {
      writer.uint64(UInt64(number))
    }
    writer.uint32(roundingError.bitPattern)
    writer.uint32(longest.bitPattern)
    writer.count(sections.count)
    for section in sections {
      writer.uint64(UInt64(section.offset))
      writer.uint64(UInt64(section.count))
    }
    return writer.bytes
  }

  init() {}

  /// Reads the directory and checks that its sections lie within the content and fit its counts.
  ///
  /// - Throws: `StorageError` with the code `.corrupt`.
  init(_ file: MappedFile, content: Int, name: String) throws(StorageError) {
    func corrupt(_ reason: String) -> StorageError { StorageError(.corrupt, file: name, reason) }
    guard content >= 8, let start = Int(exactly: file.uint64(at: content - 8)), start <= content - 8 else {
      throw corrupt("it has no directory")
    }
    var reader = ByteReader(file.bytes(at: start, count: content - 8 - start), file: name)
    var numbers: [Int] = []
    for _ in 0..<7 {
      guard let number = Int(exactly: try reader.uint64()), number <= 1 << 40 else {
        throw corrupt("a number of its directory is too large")
      }
      numbers.append(number)
    }
    guard let kind = Panels.Kind(rawValue: UInt32(truncatingIfNeeded: numbers[1])), numbers[1] < 2 else {
      throw corrupt("its panels are of an unknown kind")
    }
    self.kind = kind
    dimension = numbers[0]
    rowCount = numbers[2]
    documentCount = numbers[3]
    tenantCount = numbers[4]
    textBlockCount = numbers[5]
    textBytes = numbers[6]
    roundingError = Float(bitPattern: try reader.uint32())
    longest = Float(bitPattern: try reader.uint32())
    for _ in 0..<(try reader.count()) {
      guard let offset = Int(exactly: try reader.uint64()), let count = Int(exactly: try reader.uint64()),
        offset <= start, count <= start - offset
      else { throw corrupt("a section lies beyond its end") }
      sections.append((offset, count))
    }
    guard dimension <= VectorBatch.dimensionMax, roundingError.isFinite, roundingError >= 0,
      longest.isFinite, longest >= 0
    else {
      throw corrupt("the dimension or length of its vectors is impossible")
    }
    let padded = dimension + dimension % 2
    // A later release may have added sections.
    guard sections.count >= Section.allCases.count, sections.allSatisfy({ $0.offset % 64 == 0 }),
      dimension > 0 || rowCount == 0,
      self[.rowDocuments].count == rowCount * 4,
      self[.documents].count == documentCount * Self.documentBytes, self[.hashes].count == documentCount * 12,
      self[.tenants].count == tenantCount * Self.tenantBytes,
      self[.textBlocks].count == textBlockCount * Self.textBlockBytes, self[.access].count >= 8,
      self[.rowLengths].count == rowCount * 8, self[.rowHashes].count == rowCount * 8,
      self[.rowsByHash].count == rowCount * 4, self[.documentLanguages].count == documentCount,
      self[.wordTenants].count == tenantCount * Self.wordTenantBytes,
      dimension == 0 || self[.panels].count % Panels.byteCount(kind, dimension: padded) == 0,
      dimension == 0 || self[.vectors].count % (dimension * 4) == 0,
      kind == .fp32 || self[.vectors].count == rowCount * dimension * 4
    else { throw corrupt("its sections do not fit each other") }
  }
}
