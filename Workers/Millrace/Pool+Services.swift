import Supervision
import Caching
import Embed
import Encoder
import Generate
import Generation
import Ingest
import Parsing
import Pools
import RedisClient
import Retrieve
import Search
import Services
import Settings
import Stage
import Telemetry
import Tokenizer

extension Pool {
  /// The services of the pool, in start order.
  func services(_ context: StageContext) throws -> [any Service] {
    let settings = context.settings
    if secrets.contains("cache.key"), !settings.redis.address.isEmpty, settings.cache.key.isEmpty {
      context.logger.warning("Nothing is cached: cache.key is not set")
    }
    switch self {
    case .ingest:
      let tokenizer = try WordPieceTokenizer(path: ModelPath.find(settings) + "/vocab.txt")
      let programs = ParserPrograms(
        besides: OwnExecutable.url, confinement: settings.ingest.isSandboxRequired ? .required : .unconfined)
      do { try programs.check() } catch {
        throw SettingsError(
          key: "ingest.parserSandbox", value: settings.ingest.isSandboxRequired ? "required" : "off",
          rule:
            "needs parsers that start\(settings.ingest.isSandboxRequired ? " and can be confined" : ""): \(error)"
        )
      }
      let ocr = settings.ingest.ocr(programs)
      if case .missing(let reason) = ocr {
        context.logger.warning("Scanned pages are not read: OCR can't be used", [(.reason, reason)])
      }
      return IngestStage.services(context, tokenizer: tokenizer, programs: programs, ocr: ocr)
    case .embedDocuments:
      return [
        try EmbedDocumentsStage.service(
          context, encoder: try encoder(context), redis: try RedisClient.named(in: settings))
      ]
    case .embedQueries:
      return try EmbedQueriesStage.services(
        context, encoder: try encoder(context), redis: try RedisClient.named(in: settings),
        rulesVersion: Answerer.rulesVersion)
    case .search(let shard):
      return try SearchStage.services(context, shard: shard)
    case .retrieve: return RetrieveStage.services(context)
    case .generate:
      return try GenerateStage.services(
        context, encoder: try encoder(context), redis: try RedisClient.named(in: settings))
    }
  }

  private func encoder(_ context: StageContext) throws -> Encoder {
    let encoder = try Encoder(context.settings)
    context.logger.info(
      "Encoder loaded",
      [(.precision, encoder.numericClass.rawValue), (.instruction, InstructionSet.best.rawValue)])
    return encoder
  }
}
