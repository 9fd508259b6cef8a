import Foundation
import Testing
import VectorMath

// Goal: bytes that can't be read are found before anything relies on them, without SIGBUS. Method: a mapped file loses
// its end, which the kernel treats as it does a bad sector.

@Suite struct MappedFileTests {
  @Test("a file whose end can't be read is not populated")
  func unreadable() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(repeating: 7, count: 100_000).write(to: URL(fileURLWithPath: path))
    let file = try MappedFile(path: path)
    #expect(file.populate())
    #expect(truncate(path, 4096) == 0)
    #expect(!file.populate())
    #expect(file.byte(at: 100) == 7)
    #expect(MappedFile(copying: [1, 2]).populate())
  }
}
