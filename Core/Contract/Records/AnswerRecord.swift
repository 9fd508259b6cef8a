import Time

/// A record of `rag.answers`: the terminal state of one query.
package struct AnswerRecord: Sendable, Equatable {
  /// The terminal states of a query.
  package enum Status: String, Sendable, CaseIterable { case answered, refused, expired, cancelled, failed }
  /// Whether the answer came from the cache, and by which comparison of the questions.
  package enum CacheResult: String, Sendable, CaseIterable { case miss, exact, semantic }

  /// A quote that supports the answer, and its place in the document.
  package struct Citation: Sendable, Equatable {
    package var n: Int
    package var documentID: DocumentID
    package var version: Version
    package var chunkID: String
    package var title: String
    package var uri: String
    /// UTF-8 byte offsets of `quote` in the document's extracted text.
    package var start: UInt64
    package var end: UInt64
    package var quote: String
    package var score: Double
    /// Information that the quote itself lacks: the column names of a table row, or the length of a numbered list.
    package var context = ""
    /// The headings above the quote, from the outermost.
    package var headingPath: [String] = []
    /// The chunk's rank by vectors and by words (BM25), from 1; nil when the chunk is not in that list.
    package var denseRank: Int?
    package var lexicalRank: Int?
    /// Other documents with the same text that the asker may read.
    package var alsoIn: [TextCopy] = []

    package init(
      n: Int, documentID: DocumentID, version: Version, chunkID: String, title: String, uri: String,
      start: UInt64, end: UInt64, quote: String, score: Double
    ) {
      self.n = n
      self.documentID = documentID
      self.version = version
      self.chunkID = chunkID
      self.title = title
      self.uri = uri
      self.start = start
      self.end = end
      self.quote = quote
      self.score = score
    }
  }

  package var key: String { "\(tenant)/\(id)" }
  /// The query's id, or topic-partition-offset of a record without a readable id.
  package var id: String
  /// `-` when the record has no readable id.
  package var tenant: String
  package var status: Status
  package var text: String
  package var citations: [Citation]
  package var usage: Usage
  package var timings: [StageTiming]
  package var cache: CacheResult
  package var shardsAnswered: UInt32
  package var shardsTotal: UInt32
  package var behind: IndexBehind
  package var engine: String
  package var model: String
  package var error: RecordError?
  /// The number of documents that were left out because they changed while the query was answered.
  package var staleOmitted: UInt32
  /// Whether the question was so long that a part of it was not searched for.
  package var isQuestionCut = false
  /// The warnings about the query's record.
  package var warnings: [String] = []
  /// How the answer was chosen; nil when it was not made by an engine of `generate`.
  package var explanation: AnswerExplanation?
  /// When the documents of the answer were last found fresh, in milliseconds since 1970. Nil without citations.
  package var checkedAtMilliseconds: Int64?

  /// Tokens that a language model read and wrote.
  package struct Usage: Sendable, Equatable {
    package var promptTokens: Int
    package var completionTokens: Int
    package init(promptTokens: Int = 0, completionTokens: Int = 0) {
      self.promptTokens = promptTokens
      self.completionTokens = completionTokens
    }
  }

  /// The text of a refusal.
  package static let refusalText = "Nothing in the documents answers this question."

  /// The longest time between the check of an answer's documents and the answer's append. A later answer is void,
  /// because a document may have been deleted meanwhile. Its writer answers again.
  package static let validity = Duration.seconds(10)

  /// Whether readers must ignore the answer.
  ///
  /// - Parameter appendedAtMilliseconds: the timestamp of its record.
  package func isVoid(appendedAtMilliseconds: Int64) -> Bool {
    checkedAtMilliseconds.map { appendedAtMilliseconds - $0 > Self.validity.milliseconds } ?? false
  }

  package init(id: String, tenant: String, status: Status) {
    self.id = id
    self.tenant = tenant
    self.status = status
    text = ""
    citations = []
    usage = Usage()
    timings = []
    cache = .miss
    shardsAnswered = 0
    shardsTotal = 0
    behind = IndexBehind()
    engine = ""
    model = ""
    staleOmitted = 0
  }

  package var json: JSONValue {
    .object([
      "id": .string(id), "tenant": .string(tenant), "status": .string(status.rawValue), "text": .string(text),
      "citations": .array(citations.map(\.json)),
      "usage": .object([
        "prompt_tokens": .int(usage.promptTokens), "completion_tokens": .int(usage.completionTokens),
      ]),
      "timings_ms": .object(
        timingsByStage.map {
          JSONMember(
            name: $0.stage,
            value: .object([
              "wait": .double(rounded($0.waitMilliseconds)), "work": .double(rounded($0.workMilliseconds)),
            ]))
        }),
      "cache": .string(cache.rawValue),
      "shards": .object(["answered": .int(shardsAnswered), "total": .int(shardsTotal)]),
      "index": .object([
        "behind_records": .int(behind.records), "behind_ms": .int(behind.milliseconds),
        "after_reached": behind.hasMissedToken ? .bool(false) : nil,
      ]),
      "engine": .string(engine), "model": .string(model),
      "stale_omitted": staleOmitted == 0 ? nil : .int(staleOmitted),
      "question_cut": isQuestionCut ? .bool(true) : nil,
      "warnings": warnings.isEmpty ? nil : .array(warnings.map(JSONValue.string)),
      "checked_at_ms": checkedAtMilliseconds.map { .int($0) }, "error": error?.json,
      "sentences": sentenceCounts, "explanation": explanation?.json,
    ])
  }

  /// The number of the LLM's sentences with each verdict; nil when there are none.
  private var sentenceCounts: JSONValue? {
    guard let explanation, !explanation.sentences.isEmpty else { return nil }
    return .object(
      AnswerExplanation.Verdict.allCases.map {
        JSONMember(name: $0.rawValue, value: .int(explanation.count($0)))
      })
  }

  /// A query that is searched again passes stages twice. A JSON object must not have a name twice, so the times of a
  /// stage are added up.
  private var timingsByStage: [StageTiming] {
    var result: [StageTiming] = []
    for timing in timings {
      if let index = result.firstIndex(where: { $0.stage == timing.stage }) {
        result[index].waitMilliseconds += timing.waitMilliseconds
        result[index].workMilliseconds += timing.workMilliseconds
      } else {
        result.append(timing)
      }
    }
    return result
  }

  private func rounded(_ milliseconds: Double) -> Double { (milliseconds * 1000).rounded() / 1000 }

  /// Reads the JSON value. Unknown fields are ignored.
  ///
  /// - Throws: `FieldError` when the value is not a JSON object, `id` or `status` is missing, or a text
  ///   field breaks its rule.
  package init(value: [UInt8]) throws(FieldError) {
    let fields = try FieldReader.read(value)
    guard let id = try fields.string("id"), let status = try fields.choice("status", Status.self) else {
      throw FieldError(.missingField, field: "id, status", value: "", rule: "must be present")
    }
    self.init(id: id, tenant: try fields.string("tenant") ?? "", status: status)
    text = try fields.string("text", bytesMax: .max) ?? ""
    citations = fields.object["citations"]?.arrayValue?.compactMap(Citation.init(json:)) ?? []
    usage = Usage(
      promptTokens: Int(fields.object["usage"]?["prompt_tokens"]?.integerValue ?? 0),
      completionTokens: Int(fields.object["usage"]?["completion_tokens"]?.integerValue ?? 0))
    timings =
      fields.object["timings_ms"]?.members?.map {
        StageTiming(
          stage: $0.name, waitMilliseconds: $0.value["wait"]?.doubleValue ?? 0,
          workMilliseconds: $0.value["work"]?.doubleValue ?? 0)
      } ?? []
    cache = try fields.choice("cache", CacheResult.self) ?? .miss
    shardsAnswered = UInt32(clamping: fields.object["shards"]?["answered"]?.integerValue ?? 0)
    shardsTotal = UInt32(clamping: fields.object["shards"]?["total"]?.integerValue ?? 0)
    behind = IndexBehind(
      records: fields.object["index"]?["behind_records"]?.integerValue ?? 0,
      milliseconds: fields.object["index"]?["behind_ms"]?.integerValue ?? 0)
    behind.hasMissedToken = fields.object["index"]?["after_reached"] == .bool(false)
    engine = try fields.string("engine") ?? ""
    model = try fields.string("model") ?? ""
    staleOmitted = UInt32(clamping: fields.object["stale_omitted"]?.integerValue ?? 0)
    isQuestionCut = fields.object["question_cut"] == .bool(true)
    warnings = try fields.strings("warnings", countMax: 100) ?? []
    // A time out of range is ignored, because differences with it could overflow.
    checkedAtMilliseconds = fields.object["checked_at_ms"]?.integerValue.flatMap {
      (0...(1 << 52)).contains($0) ? $0 : nil
    }
    error = RecordError(json: fields.object["error"])
    explanation = AnswerExplanation(json: fields.object["explanation"])
  }
}

extension AnswerRecord.Citation {
  package var json: JSONValue {
    .object([
      "n": .int(n), "document_id": .string(documentID.rawValue), "version": .string(version.description),
      "chunk_id": .string(chunkID), "title": .string(title), "uri": .string(uri), "start": .int(start),
      "end": .int(end), "quote": .string(quote), "context": context.isEmpty ? nil : .string(context),
      "heading_path": headingPath.isEmpty ? nil : .array(headingPath.map(JSONValue.string)),
      "score": .double(score),
      "ranks": denseRank == nil && lexicalRank == nil
        ? nil : .object(["dense": denseRank.map(JSONValue.int), "lexical": lexicalRank.map(JSONValue.int)]),
      "also_in": alsoIn.isEmpty ? nil : .array(alsoIn.map(\.json)),
    ])
  }

  init?(json: JSONValue) {
    guard let id = json["document_id"]?.stringValue.flatMap(DocumentID.init),
      let version = json["version"]?.stringValue.flatMap({ Version($0) })
    else { return nil }
    self.init(
      n: Int(json["n"]?.integerValue ?? 0), documentID: id, version: version,
      chunkID: json["chunk_id"]?.stringValue ?? "", title: json["title"]?.stringValue ?? "",
      uri: json["uri"]?.stringValue ?? "", start: UInt64(clamping: json["start"]?.integerValue ?? 0),
      end: UInt64(clamping: json["end"]?.integerValue ?? 0), quote: json["quote"]?.stringValue ?? "",
      score: json["score"]?.doubleValue ?? 0)
    context = json["context"]?.stringValue ?? ""
    headingPath = json["heading_path"]?.arrayValue?.compactMap(\.stringValue) ?? []
    denseRank = json["ranks"]?["dense"]?.integerValue.flatMap { Int(exactly: $0) }
    lexicalRank = json["ranks"]?["lexical"]?.integerValue.flatMap { Int(exactly: $0) }
    alsoIn = json["also_in"]?.arrayValue?.compactMap(TextCopy.init(json:)) ?? []
  }
}
