import Catalog
import Records
import Synchronization

/// The open versions of a reporter's partitions, which its work reads and an assignment replaces.
///
/// Work goes on while its partitions are assigned anew, so it may ask for a version when the table that knew it is gone
/// and the new one is not read yet. What is not open there would seem to have its state: the version would never get
/// one. So each table has a number, and a decision holds for the table only that was read for it.
final class OpenStates: Sendable {
  private struct Table {
    var number: Int
    var versions: OpenVersions
  }

  private struct State {
    var tables: [Int32: Table] = [:]
    var lastNumber = 0
    /// Versions whose states are being sent, whichever table they were decided by.
    var closing: [DocumentKey: Set<Version>] = [:]
    /// Versions whose states were acknowledged while their partition had no table.
    var finished: [Int32: [(DocumentKey, Version)]] = [:]

    func isClosing(_ document: DocumentKey, _ version: Version) -> Bool {
      closing[document]?.contains(version) ?? false
    }

    mutating func add(_ versions: OpenVersions, _ partition: Int32) {
      lastNumber += 1
      tables[partition] = Table(number: lastNumber, versions: versions)
    }
  }

  private let state = Mutex(State())

  /// Forgets all tables. States that are being sent are ended all the same.
  func clear() { state.withLock { $0.tables = [:] } }

  func replace(with tables: [Int32: OpenVersions]) {
    state.withLock { state in
      state.tables = [:]
      for (partition, versions) in tables {
        var versions = versions
        for (document, version) in state.finished[partition] ?? [] { versions.finish(document, version) }
        state.add(versions, partition)
      }
      state.finished = [:]
    }
  }

  /// Replaces one table by an empty one, where there is one.
  func restart(_ partition: Int32) {
    state.withLock { if $0.tables[partition] != nil { $0.add(OpenVersions(start: 0), partition) } }
  }

  /// The number of a partition's table; nil when the partition is not this member's.
  func table(of partition: Int32) -> Int? { state.withLock { $0.tables[partition]?.number } }

  /// The number of the table if it knows the version.
  func table(of partition: Int32, knowing document: DocumentKey, _ version: Version) -> Int? {
    state.withLock { state in
      guard let table = state.tables[partition],
        table.versions.isKnown(document, version) || state.isClosing(document, version)
      else { return nil }
      return table.number
    }
  }

  func oldestOffset(of partition: Int32) -> Int64? {
    state.withLock { $0.tables[partition]?.versions.oldestOffset }
  }

  func apply(_ status: StatusRecord, _ partition: Int32, offset: Int64) {
    state.withLock { $0.tables[partition]?.versions.apply(status, offset: offset) }
  }

  func advance(_ partition: Int32, to offset: Int64) {
    state.withLock { $0.tables[partition]?.versions.advance(to: offset) }
  }

  /// The states that a decision brings: its own, and those of versions that it overtook. They count as being sent until
  /// `end` is called for each.
  ///
  /// - Parameters:
  ///   - table: one that knew the version, or was read to its end after the version's vectors were written.
  ///   - token: of the record that decided.
  /// - Returns: nil when that table is gone: ask again.
  func begin(
    _ decision: DocumentCatalog.Decision, _ document: DocumentKey, _ partition: Int32, table: Int,
    token: VectorsToken
  ) -> [StatusRecord]? {
    state.withLock { state in
      guard let known = state.tables[partition], known.number == table else { return nil }
      var result: [StatusRecord] = []
      // A version that is not open has its state.
      if !state.isClosing(document, decision.version),
        let operation = known.versions.operation(document, decision.version)
      {
        var status = StatusRecord(document, decision.version, operation, .superseded)
        switch decision.outcome {
        case .visible(let chunkCount):
          status.state = .indexed
          status.chunks = chunkCount
          status.token = token
        case .deleted:
          status.state = .deleted
          status.token = token
        case .superseded: break
        case .failed(let error):
          status.state = .failed
          status.error = error
        }
        result.append(status)
      }
      switch decision.outcome {
      case .visible, .deleted:
        // What this version overtook will never show: its state is due now, whether its records come or not.
        for (version, operation) in known.versions.open(document, below: decision.version)
        where !state.isClosing(document, version) {
          result.append(StatusRecord(document, version, operation, .superseded))
        }
      case .superseded, .failed: break
      }
      for status in result {
        if let version = status.version { state.closing[document, default: []].insert(version) }
      }
      return result
    }
  }

  /// A state was acknowledged, or this work does not send it.
  func end(_ document: DocumentKey, _ version: Version, _ partition: Int32, isAcknowledged: Bool) {
    state.withLock { state in
      state.closing[document]?.remove(version)
      if state.closing[document]?.isEmpty == true { state.closing[document] = nil }
      guard isAcknowledged else { return }
      if state.tables[partition] == nil {
        state.finished[partition, default: []].append((document, version))
      } else {
        state.tables[partition]?.versions.finish(document, version)
      }
    }
  }
}
