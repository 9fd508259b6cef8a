import Foundation
import Parsing
import Records

/// Reads CSV and TSV (RFC 4180, and its usual variants). The text stays unchanged: a row is the byte range of a record,
/// and its context is the column names.
enum SeparatedValues {
  private static let sampleRecords = 50

  private struct Record {
    var range: Range<Int>
    var fields: [String]
  }

  /// - Parameter hasHeader: whether the first record is a header, as the media type declares ("header=present"); nil
  ///   infers it.
  static func parse(_ source: String, isTabbed: Bool, hasHeader: Bool? = nil) -> ParsedDocument {
    let text = Array(source.utf8)
    let delimiter = isTabbed ? UInt8(ascii: "\t") : delimiter(of: text)
    let all = records(text, delimiter)
    // Records of one field above records of at least three fields are the table's title.
    let isWide = all.prefix(sampleRecords).contains { $0.fields.count { !$0.isEmpty } > 2 }
    let titles = isWide ? all.prefix { $0.fields.count { !$0.isEmpty } <= 1 } : []
    let records = all.dropFirst(titles.count)
    guard let first = records.first else { return ParsedDocument(text: text, blocks: [], title: "") }
    let isHeader = hasHeader ?? looksLikeNames(first.fields, records.dropFirst())
    let names = isHeader ? first.fields : []
    let context = BlockBuilder.cut(TableGrid.line(names), bytesMax: 2000)
    let rows = isHeader && records.count > 1 ? records.dropFirst() : records
    var document = ParsedDocument(
      text: text,
      blocks: titles.map { .init(kind: .prose, range: $0.range, headingPath: []) }
        + rows.map {
          .init(kind: .row, range: $0.range, headingPath: [], context: context)
        }, title: "")
    document.metadata = [
      "csv_delimiter": .string(delimiter == UInt8(ascii: "\t") ? "tab" : String(UnicodeScalar(delimiter))),
      "csv_header": .string(isHeader ? "first row" : "none"),
    ]
    return document
  }

  /// The delimiter under which the most records have the same number of fields, at least two.
  private static func delimiter(of text: [UInt8]) -> UInt8 {
    var best = (delimiter: UInt8(ascii: ","), score: 0)
    for delimiter in [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")] {
      let widths = records(text, delimiter, most: sampleRecords).map(\.fields.count)
      guard let width = widths.max(), width > 1 else { continue }
      let usual = Dictionary(grouping: widths.filter { $0 > 1 }, by: { $0 }).mapValues(\.count).max {
        $0.value < $1.value
      }
      guard let usual else { continue }
      let score = usual.value * 1000 + min(usual.key, 999)
      if score > best.score { best = (delimiter, score) }
    }
    return best.delimiter
  }

  private static func records(_ text: [UInt8], _ delimiter: UInt8, most: Int = .max) -> [Record] {
    var records: [Record] = []
    var index = text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    // The first line of a file from Excel may name the delimiter. It is skipped.
    if text[index...].starts(with: Array("sep=".utf8)) {
      index = (text[index...].firstIndex(of: 0x0A) ?? text.count - 1) + 1
    }
    while index < text.count, records.count < most {
      var fields: [String] = []
      let start = index
      var end = index
      var isAtEnd = false
      while !isAtEnd {
        var field: [UInt8] = []
        if index < text.count, text[index] == UInt8(ascii: "\"") {
          index += 1
          while index < text.count {
            if text[index] == UInt8(ascii: "\"") {
              guard index + 1 < text.count, text[index + 1] == UInt8(ascii: "\"") else { break }
              index += 1
            }
            field.append(text[index])
            index += 1
          }
          if index < text.count { index += 1 }
        }
        while index < text.count, text[index] != delimiter, text[index] != 0x0A, text[index] != 0x0D {
          field.append(text[index])
          index += 1
        }
        fields.append(String(decoding: field, as: UTF8.self).split { $0.isWhitespace }.joined(separator: " "))
        end = index
        if index < text.count, text[index] == delimiter { index += 1 } else { isAtEnd = true }
      }
      if index < text.count, text[index] == 0x0D { index += 1 }
      if index < text.count, text[index] == 0x0A { index += 1 }
      if fields.contains(where: { !$0.isEmpty }) {
        records.append(Record(range: start..<end, fields: fields))
      }
    }
    return records
  }

  /// Whether the first record looks like column names: distinct short texts, few of which are values other than years,
  /// and few of which are repeated in the records below.
  private static func looksLikeNames(_ first: [String], _ rest: ArraySlice<Record>) -> Bool {
    let names = first.filter { !$0.isEmpty }
    guard names.count > 1, Set(names).count == names.count, names.count * 3 >= first.count * 2,
      names.allSatisfy({ $0.utf8.count <= 100 }),
      names.count(where: { TableGrid.isValue($0) && !TableGrid.isYear($0) }) * 5 <= names.count
    else { return false }
    // A record of nothing but years or other values is no header.
    if names.allSatisfy({ TableGrid.isValue($0) }) { return false }
    // If more than a fifth of the names occur again below, in the same column, the first record is a row like the
    // others.
    let sample = rest.prefix(sampleRecords)
    let repeated = first.indices.count { column in
      !first[column].isEmpty
        && sample.contains { column < $0.fields.count && $0.fields[column] == first[column] }
    }
    return !sample.isEmpty && repeated * 5 <= names.count
  }
}
