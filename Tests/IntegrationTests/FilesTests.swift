// swift-format-ignore-file: NeverForceUnwrap
import Foundation
import Testing

// Goal: real files are indexed, folders are kept in sync, unusable files are refused, and `explain` and `doctor` show
// what happened. Method: files are put with the command line. Their manifest names strings by which search must find
// them.

@Suite(.serialized, .timeLimit(.minutes(20)), .sharedPipeline) struct FilesTests {
  /// Larger files are only read by `ParsingTests`, because embedding them would take minutes.
  private static let bytesMax = 60_000

  @Test(
    "real files are indexed and found by their words, or failed with a reason; no worker crashes",
    .enabled(if: Pipeline.shared != nil, "no test data: MILLRACE_SHARED"))
  func realFiles() throws {
    let root = try #require(Pipeline.shared) + "/data/files/"
    let pipeline = try #require(SharedPipeline.current)
    var indexed = 0
    var failed: [String: String] = [:]
    for line in try String(contentsOfFile: root + "manifest.jsonl", encoding: .utf8).split(separator: "\n") {
      let entry = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let path = entry["path"] as! String
      let isTruncated = path.hasSuffix("truncated.pdf") || path.hasSuffix("policy.epub")
      let size = try #require(entry["bytes"] as? Int)
      guard size <= Self.bytesMax || isTruncated else { continue }
      let put = try pipeline.json(["documents", "put", root + path, "--id", path])
      let states = try #require(put["states"] as? [[String: Any]])
      let state = try #require(states.last, "\(path) has no state")
      if state["state"] as? String == "failed" {
        let error = try #require(state["error"] as? [String: Any])
        failed[path] = error["code"] as? String
        #expect((error["message"] as? String)?.isEmpty == false)
        #expect((entry["expect"] as! [String]).isEmpty, "\(path): \(error)")
      } else {
        #expect(state["state"] as? String == "indexed", "\(path): \(state)")
        indexed += 1
        for expected in (entry["expect"] as! [String]).prefix(1) {
          let words = String(expected.drop { "- ".contains($0) })
          let found = try pipeline.json(["search", words, "--top-k", "50"])
          let citations = found["citations"] as? [[String: Any]] ?? []
          #expect(
            citations.contains { $0["document_id"] as? String == path },
            "\(path) is not found by its own words")
        }
      }
    }
    print("files through the pipeline: \(indexed) indexed, failed: \(failed.sorted { $0.key < $1.key })")
    #expect(indexed >= 15)
    #expect(
      failed["degenerate/empty.md"] == "empty_text" && failed["degenerate/bom-only.txt"] == "empty_text")
    #expect(failed["degenerate/truncated.pdf"] == "bad_pdf")
    #expect(failed["epub/policy.epub"] == nil)
    #expect(try pipeline.restarts().values.allSatisfy { $0 == 0 })
  }

  @Test("sync puts new and changed files, deletes removed ones, and does not touch other sources")
  func sync() throws {
    let pipeline = try Pipeline()
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sync-\(UUID().uuidString)")
      .path
    try FileManager.default.copyItem(atPath: Pipeline.handbook, toPath: folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(
      try pipeline.millrace(["documents", "put", "-", "--id", "mine"], input: "Not of this folder.").code == 0
    )
    func sync(_ options: [String] = []) throws -> [Int] {
      let report = try pipeline.json(["documents", "sync", folder] + options)
      return try ["new", "changed", "unchanged", "deleted", "failed", "missing"].map {
        try #require(report[$0] as? Int)
      }
    }
    #expect(try sync() == [14, 0, 0, 0, 0, 0])
    #expect(try sync() == [0, 0, 14, 0, 0, 0])
    try FileManager.default.removeItem(atPath: folder + "/radio.pdf")
    try "# Access\n\nAll is open.".write(toFile: folder + "/access.md", atomically: true, encoding: .utf8)
    try "A new page.".write(toFile: folder + "/new.txt", atomically: true, encoding: .utf8)
    try Data([0, 1]).write(to: URL(fileURLWithPath: folder + "/blob.bin"))
    let plan = try pipeline.millrace(["documents", "sync", folder, "--dry-run"])
    #expect(plan.error.contains("skipped blob.bin: "), "\(plan.error)")
    #expect(plan.text.contains("would be: 1 new, 1 changed, 12 unchanged, 1 deleted"), "\(plan.text)")
    #expect(try sync() == [1, 1, 12, 1, 0, 0])
    let text = try pipeline.millrace(["documents", "sync", folder])
    #expect(text.text.contains("; 1 skipped") && text.error.contains("skipped blob.bin: "), "\(text)")
    let open = try pipeline.millrace(["documents", "sync", folder, "--acl", ""])
    #expect(open.code == 2 && open.error.contains("--acl: ''"), "\(open)")
    #expect(try pipeline.array(["documents", "list", "--source", folder]).count == 14)
    #expect(try pipeline.array(["documents", "list"]).count == 15)
    #expect(try pipeline.millrace(["documents", "get", "access.md"]).text == "# Access\n\nAll is open.")
    #expect(try pipeline.millrace(["documents", "get", "radio.pdf"]).code == 1)
    let pdf = try pipeline.millrace(["documents", "get", "drills.html"])
    #expect(pdf.text.contains("<title>Fire and evacuation drills</title>"))
    let other = try pipeline.millrace(["documents", "sync", folder, "--source", "elsewhere"])
    #expect(
      other.code == 2 && other.error.contains("of another source, '\(folder)'"), "\(other.text)\(other.error)"
    )
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      try FileManager.default.removeItem(atPath: folder + "/" + name)
    }
    let empty = try pipeline.millrace(["documents", "sync", folder])
    #expect(empty.code == 2 && empty.error.contains("--allow-empty"))
    #expect(try sync(["--allow-empty"]) == [0, 0, 0, 14, 0, 0])
  }

  @Test("files that can't be put are named before anything is sent: too large, a FIFO, a broken link")
  func unputtable() throws {
    let pipeline = try #require(SharedPipeline.current)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bad-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try "A neighbour.".write(toFile: folder + "/a.txt", atomically: true, encoding: .utf8)
    func refused(_ path: String, _ message: String) throws {
      let put = try pipeline.millrace(["documents", "put", path, "--tenant", "bad"])
      #expect(put.code == 2 && put.error.contains(message), "\(path): \(put.code) \(put.error)")
    }
    try Data(repeating: 0xFF, count: 7_000_000).write(to: URL(fileURLWithPath: folder + "/b.pdf"))
    try refused(folder, "b.pdf: its record takes 93")  // 9.3 MB as base64
    try FileManager.default.removeItem(atPath: folder + "/b.pdf")
    try FileManager.default.createSymbolicLink(atPath: folder + "/c.md", withDestinationPath: "nowhere.md")
    try refused(folder, "c.md' does not exist")
    let sync = try pipeline.millrace(["documents", "sync", folder, "--tenant", "bad"])
    #expect(sync.code == 2, "an unreadable file does not count as deleted")
    try FileManager.default.removeItem(atPath: folder + "/c.md")
    #expect(mkfifo(folder + "/d.txt", 0o600) == 0)
    try refused(folder, "d.txt' must be a regular file")
    #expect(try pipeline.array(["documents", "list", "--tenant", "bad"]).isEmpty, "nothing was sent")
  }

  @Test("explain shows the steps of a query, doctor reports missing services")
  func explainAndDoctor() throws {
    let pipeline = try Pipeline(["--llm", "extractive"])
    #expect(
      try pipeline.millrace(["documents", "put", Pipeline.handbook + "/backups.md", "--id", "backups.md"])
        .code == 0)
    let question = "How long are database backups kept?"
    _ = try pipeline.ask(question, ["--id", "q1"])
    // A busy machine may explain a few misses.
    var cached = ""
    for number in 2..<7 where cached.isEmpty {
      let answer = try pipeline.ask(question, ["--id", "q\(number)"])
      if answer["cache"] as? String == "exact" { cached = "q\(number)" }
    }
    func steps(_ id: String) throws -> [String] {
      try pipeline.array(["explain", id]).compactMap { $0["what"] as? String }
    }
    let first = try steps("q1")
    for (index, word) in ["appended", "embedded", "searched", "fused", "answered by extractive"].enumerated()
    {
      #expect(index < first.count && first[index].contains(word), "\(first)")
    }
    let ranks = try #require(
      try pipeline.array(["explain", "q1"]).compactMap { $0["ranks"] as? [String: Any] }.first)
    let hit = try #require((ranks["hits"] as? [[String: Any]])?.first)
    #expect(hit["document"] as? String == "backups.md" && hit["dense_rank"] as? Int == 1, "\(hit)")
    #expect(hit["lexical_rank"] as? Int == 1 && hit["bm25"] as? Double ?? 0 > 0, "\(hit)")
    let terms = (ranks["terms"] as? [[String: Any]] ?? []).compactMap { $0["term"] as? String }
    #expect(terms.contains("backup"), "\(terms)")
    #expect(try pipeline.millrace(["explain", "q1"]).text.contains("backups.md#"))
    #expect(try steps(cached).contains { $0.contains("from the cache") })
    let document = try steps("backups.md")
    #expect(
      document.first?.contains("put") == true && document.last?.contains("indexed") == true, "\(document)")
    #expect(try pipeline.millrace(["explain", "nobody"]).code == 1)
    let doctor = try pipeline.millrace(["doctor"])
    #expect(doctor.code == 0 && !doctor.text.contains("FAILED"), "\(doctor.text)")
    let other = try pipeline.millrace(["doctor", "--encoder-model", "other/model"])
    #expect(
      other.code == 1 && other.text.contains("FAILED   model: rag.vectors holds vectors of"), "\(other.text)")
    let ill = try pipeline.millrace([
      "doctor", "--redis-address", "redis://127.0.0.1:1", "--encoder-model-path", "/nonexistent",
    ])
    #expect(
      ill.code == 1 && ill.text.contains("FAILED   redis") && ill.text.contains("FAILED   encoder"),
      "\(ill.text)")
  }
}
