// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import Lexical
import Storage
import TestSupport
import Testing
import VectorMath

// Goal: postings are read back as they were written, and damaged ones never give a row beyond the tenant's. Method:
// random lists of all lengths, and such lists with changed bytes.

@Suite struct PostingsTests {
  private func list(_ count: Int, _ random: inout SplitMix) -> (
    rows: [UInt32], codes: [UInt32], rowCount: Int
  ) {
    let gap = [1, 2, 100, 1 << 20].randomElement(using: &random)!
    var row: UInt32 = 0
    var rows: [UInt32] = []
    for index in 0..<count {
      row += UInt32(Int.random(in: (index == 0 ? 0 : 1)...gap, using: &random))
      rows.append(row)
    }
    let codeMax = [UInt32(0), 3, 500, .max].randomElement(using: &random)!
    let codes = (0..<count).map { _ in UInt32.random(in: 0...codeMax, using: &random) }
    return (rows, codes, Int(row) + 1 + Int.random(in: 0...100, using: &random))
  }

  private func cursor(_ bytes: [UInt8], _ count: Int, _ rowCount: Int) throws(StorageError) -> PostingsCursor
  {
    try PostingsCursor(
      MappedFile(copying: bytes), .init(count: count, offset: 0, byteCount: bytes.count, impact: 255),
      rowCount: rowCount, name: "test")
  }

  @Test("lists of all lengths are read back, block by block and row by row")
  func roundTrip() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    for count in [2, 3, 127, 128, 129, 255, 256, 257, 1000, 4000] {
      for _ in 0..<6 {
        let (rows, codes, rowCount) = list(count, &random)
        let saturations = rows.map { _ in Float.random(in: 0...1, using: &random) }
        let (bytes, impact) = PostingsWriter.bytes(rows, codes, saturations)
        #expect(Float(impact) >= saturations.max()! * 255, "seed \(seed)")
        var cursor = try cursor(bytes, count, rowCount)
        var read: [UInt32] = []
        for block in 0..<cursor.blockCount {
          try cursor.load(block)
          read += cursor.rows[..<cursor.loaded]
          let range = block * 128..<min(block * 128 + 128, count)
          #expect(Array(cursor.codes[..<cursor.loaded]) == Array(codes[range]), "seed \(seed)")
          if count >= 128 {
            #expect(cursor.lastRow(block) == rows[range.upperBound - 1], "seed \(seed)")
            #expect(Float(cursor.impact(block)) >= saturations[range].max()! * 255, "seed \(seed)")
          }
        }
        #expect(read == rows, "seed \(seed)")
        for _ in 0..<200 {
          let row = UInt32.random(in: 0..<UInt32(rowCount), using: &random)
          let place = rows.firstIndex(of: row)
          #expect(try cursor.code(of: row) == place.map { codes[$0] }, "seed \(seed)")
        }
      }
    }
  }

  @Test("changed bytes give an error or other postings, but no row beyond the tenant's")
  func damage() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(state: seed)
    var errors = 0
    for _ in 0..<3000 {
      let count = [2, 100, 128, 300].randomElement(using: &random)!
      let (rows, codes, rowCount) = list(count, &random)
      var (bytes, _) = PostingsWriter.bytes(rows, codes, rows.map { _ in 1 })
      if Bool.random(using: &random) {
        bytes.removeLast(Int.random(in: 0...min(20, bytes.count - 1), using: &random))
      }
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      do {
        var cursor = try cursor(bytes, count, rowCount)
        for block in 0..<cursor.blockCount {
          try cursor.load(block)
          for row in cursor.rows[..<cursor.loaded] { #expect(Int(row) < rowCount, "seed \(seed)") }
        }
        for _ in 0..<20 { _ = try cursor.code(of: UInt32.random(in: 0..<UInt32(rowCount), using: &random)) }
      } catch { errors += 1 }
    }
    #expect(errors > 100, "seed \(seed)")
  }
}
