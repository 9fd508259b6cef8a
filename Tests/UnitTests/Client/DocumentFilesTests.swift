import Client
import CommandLine
import Foundation
import Records
import Testing

// Goal: files become the right records, and the error for an unreadable file names the file.

@Suite struct DocumentFilesTests {
  private let folder: String

  init() throws {
    folder =
      FileManager.default.temporaryDirectory.appendingPathComponent("files-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder + "/a/b", withIntermediateDirectories: true)
  }

  private func write(_ name: String, _ text: String) throws -> String {
    let path = folder + "/" + name
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test("a folder is read recursively, ids are paths within it, other file types are left out")
  func walk() throws {
    _ = try write("a/b/deep.md", "# Deep")
    _ = try write("top.txt", "top")
    _ = try write("image.png", "no text")
    let documents = try DocumentFiles.read(path: folder, .standard).documents
    #expect(documents.map(\.id.rawValue) == ["a/b/deep.md", "top.txt"])
    #expect(documents.map(\.mediaType) == ["text/markdown", "text/plain"])
    #expect(documents[0].content == .text("# Deep"))
  }

  @Test("bytes that are not text are sent as base64")
  func binary() throws {
    let path = folder + "/scan.pdf"
    let bytes: [UInt8] = [0x25, 0x50, 0x44, 0x46, 0xFF, 0x00]
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let documents = try DocumentFiles.read(path: path, .standard).documents
    #expect(documents[0].content == .base64(Data(bytes).base64EncodedString()))
    #expect(documents[0].mediaType == "application/pdf")
  }

  @Test("a file whose name is not UTF-8 is named by the error")
  func strangeName() throws {
    let folder = URL(fileURLWithPath: try write("a/b/c.txt", "A.")).deletingLastPathComponent().path
    let name = Array(folder.utf8) + Array("/n".utf8) + [0xFF] + Array(".txt".utf8) + [0]
    let descriptor = name.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer {
      open($0.baseAddress!, O_CREAT | O_WRONLY, 0o600)
    }
    try #require(descriptor >= 0)
    close(descriptor)
    #expect {
      try DocumentFiles.read(path: folder, .standard)
    } throws: {
      "\($0)".contains("/n\u{FFFD}.txt': the name of a file must be UTF-8")
    }
  }

  @Test("each line of a .jsonl file is a record; the error for a bad line names the line")
  func lines() throws {
    let good = try write(
      "good.jsonl", #"{"id":"1","text":"a"}"# + "\n" + #"{"id":"2","tenant":"t","text":"b"}"#)
    let documents = try DocumentFiles.lines(path: good, .standard)
    #expect(documents.map(\.key.description) == ["default/1", "t/2"])
    // An empty line is not a record, but it counts as a line.
    let bad = try write("bad.jsonl", #"{"id":"1","text":"a"}"# + "\n\n" + #"{"id":"2"}"# + "\n")
    #expect {
      try DocumentFiles.lines(path: bad, .standard)
    } throws: {
      "\($0)".contains("bad.jsonl line 3")
    }
    // An invalid tenant must not be replaced by the tenant of the command.
    for tenant in [#""no tenant""#, "5", #""""#] {
      let foreign = try write("foreign.jsonl", #"{"id":"1","tenant":\#(tenant),"text":"a"}"#)
      #expect { try DocumentFiles.lines(path: foreign, .standard) } throws: {
        "\($0)".contains("foreign.jsonl line 1: tenant:")
      }
    }
  }

  @Test("a missing file, a pipe and a broken link are refused with their names, without waiting")
  func unreadable() throws {
    mkfifo(folder + "/pipe", 0o600)
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/link", withDestinationPath: folder + "/nothing")
    for (name, rule) in [
      ("missing", "does not exist"), ("pipe", "must be a regular file"), ("link", "does not exist"),
    ] {
      #expect {
        try DocumentFiles.read(path: folder + "/" + name, .standard)
      } throws: {
        $0 is UsageError && "\($0)".contains("/" + name) && "\($0)".contains(rule)
      }
    }
  }

  @Test("skipped files are listed with the reason; a single file's ID is its normalised path")
  func skipped() throws {
    for name in [".git", "node_modules", "in"] {
      try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    for name in [
      "a/page.md", ".hidden.md", ".git/x.md", "node_modules/y.md", "image.png", "rows.jsonl", "in/t.csv",
    ] {
      _ = try write(name, "text")
    }
    let outside = folder + "-outside.md"
    try "other".write(toFile: outside, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: outside) }
    try FileManager.default.createSymbolicLink(atPath: folder + "/out.md", withDestinationPath: outside)
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/same.md", withDestinationPath: folder + "/a/page.md")
    try FileManager.default.createSymbolicLink(atPath: folder + "/loop", withDestinationPath: folder)
    let selection = try DocumentFiles.read(path: folder, .standard)
    #expect(selection.documents.map(\.id.rawValue) == ["a/page.md", "in/t.csv", "same.md"])
    #expect(selection.documents[1].mediaType == "text/csv")
    #expect(
      selection.skipped.map { "\($0.path): \($0.reason)" } == [
        ".git/: hidden", ".hidden.md: hidden", "image.png: not a kind that is read",
        "loop: a link to a folder", "node_modules/: installed by a program",
        "out.md: a link out of the folder",
        "rows.jsonl: records: give the file by its own path",
      ])
    let one = try DocumentFiles.read(path: folder + "/./a//page.md", .standard)
    #expect(one.documents.map(\.id.rawValue) == [folder + "/a/page.md"])
  }

  @Test("fields of a line that are ignored are sent, too, so that ingest can warn about them")
  func ignored() throws {
    let path = try write(
      "i.jsonl",
      """
      {"id":"1","text":"a","ACL":["board"],"note":{"x":1}}
      {"id":"2","text":"b","acl":null}
      """)
    var documents = try DocumentFiles.lines(path: path, .standard)
    let first = documents[0].json
    #expect(first["ACL"]?.arrayValue?.count == 1 && first["note"]?["x"] == .int(1), "\(first.text)")
    #expect(documents[1].json["acl"] == .null)
    documents[1].acl = ["board"]
    #expect(documents[1].json.members?.filter { $0.name == "acl" }.count == 1)
    let read = try DocumentRecord(value: first.bytes, key: documents[0].key)
    #expect(read.doubts.map(\.field) == ["ACL"])
  }

  @Test(
    "records with a byte order mark, carriage returns and blank lines are read, and numbers stay exact")
  func windows() throws {
    let path = try write(
      "w.jsonl",
      "\u{FEFF}{\"id\":\"1\",\"text\":\"a\",\"metadata\":{\"n\":346218760129241551,\"d\":0.10}}\r\n\r\n"
        + "{\"id\":\"2\",\"text\":\"b\"}\r\n")
    let documents = try DocumentFiles.lines(path: path, .standard)
    #expect(documents.map(\.id.rawValue) == ["1", "2"])
    let written = documents[0].json.text
    #expect(written.contains("346218760129241551") && written.contains("\"d\":0.1"), "\(written)")
  }
}
