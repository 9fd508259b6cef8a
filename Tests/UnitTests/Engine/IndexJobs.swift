import Engine
import TestSupport

/// A checkpoint and a merge of one engine, which begin, write and end in any order.
struct IndexJobs {
  private let engine: IndexEngine
  private var saving: (job: CheckpointJob, result: CheckpointResult?)?
  private var merging: (job: MergeJob, result: MergeResult?)?

  init(_ engine: IndexEngine) { self.engine = engine }

  /// - Returns: true when a checkpoint ended and stored the index.
  mutating func step(_ random: inout SplitMix) -> Bool {
    Bool.random(using: &random) ? save() : merge(&random)
  }

  private mutating func save() -> Bool {
    guard let (job, result) = saving else {
      saving = engine.beginCheckpoint(nowMilliseconds: 1).map { ($0, nil) }
      return false
    }
    guard let result else {
      saving = (job, job.run())
      return false
    }
    engine.finish(job, result)
    saving = nil
    return result.error == nil
  }

  private mutating func merge(_ random: inout SplitMix) -> Bool {
    if let (job, result) = merging {
      if let result {
        engine.finish(result)
        merging = nil
      } else {
        merging = (job, job.run { false })
      }
    } else {
      let choice: MergeChoice =
        [.due, .due, .allSegments, .allTables].randomElement(using: &random) ?? .due
      merging = engine.beginMerge(nowMilliseconds: 1, choice).map { ($0, nil) }
    }
    return false
  }

  /// Finishes the jobs that are under way.
  mutating func finish() {
    if let (job, result) = saving { engine.finish(job, result ?? job.run()) }
    if let (job, result) = merging { engine.finish(result ?? job.run { false }) }
    (saving, merging) = (nil, nil)
  }
}
