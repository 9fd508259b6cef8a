import Catalog
import Records
import Synchronization

/// The open versions of a reporter's partitions, in a table for each partition. The reporter's work reads the tables,
/// and an assignment replaces them.
///
/// Work goes on while its partitions are assigned anew. So it may ask for a version when the old table is gone and the
/// new one has not been read yet. A version that is missing there would seem to have its terminal state, and would
/// never get one. So each table has a number, and a decision is valid only for the table that was read for it.
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

  /// Removes all tables. The versions whose states are being sent stay known until `end`.
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

  /// Replaces the partition's table, if it has one, by an empty table.
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

  /// The states to write for a decision: that of its version, and `superseded` for older open versions. They count as
  /// being sent until `end` is called for each.
  ///
  /// - Parameters:
  ///   - table: the number of a table that knew the version, or was read to its end after the version's vectors were
  ///     written.
  ///   - token: the token of the record that decided.
  /// - Returns: nil when that table is gone: get a table again and retry.
  func begin(
    _ decision: DocumentCatalog.Decision, _ document: DocumentKey, _ partition: Int32, table: Int,
    token: VectorsToken
  ) -> [StatusRecord]? {
    state.withLock { state in
      guard let known = state.tables[partition], known.number == table else { return nil }
      var result: [StatusRecord] = []
      // A version that is not open already has its terminal state.
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
        // Older open versions will never be visible: their states are due now, whether or not their records still come.
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

  /// Ends the sending of a state: it was acknowledged, or this work does not send it.
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
