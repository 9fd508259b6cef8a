// swift-format-ignore-file: NeverForceUnwrap
import KafkaClient
import Records
import Testing
@testable import Search

// Goal: the reporter knows which versions are open and which have a terminal state. Method: short sequences of events.

@Suite struct VersionStatesTests {
  private func status(_ offset: Int64, _ state: DocumentState, _ operation: StatusRecord.Operation = .put)
    -> StatusRecord
  {
    StatusRecord(key, Version(epoch: 1, offset: offset), operation, state)
  }
  private func version(_ offset: Int64) -> Version { Version(epoch: 1, offset: offset) }

  @Test("an older version stays open until it has a state; a repeated accepted event opens nothing")
  func openAndFinished() {
    var states = VersionStates()
    for event in [status(1, .accepted), status(2, .accepted), status(3, .accepted), status(3, .indexed)] {
      states.apply(event)
    }
    #expect(states.open(key, below: version(3)).map(\.0) == [version(1), version(2)])
    #expect(!states.isFinished(key, version(1)) && states.isFinished(key, version(3)))
    states.apply(status(1, .superseded))
    states.apply(status(2, .failed))
    states.apply(status(1, .accepted))
    states.apply(status(3, .accepted))
    #expect(states.open(key, below: version(9)).isEmpty)
    #expect(states.isFinished(key, version(1)) && states.isFinished(key, version(2)))
  }

  @Test("a failed version newer than the visible one is finished; the next version is not")
  func failedAbove() {
    var states = VersionStates()
    for event in [status(1, .accepted), status(1, .indexed), status(5, .accepted), status(5, .failed)] {
      states.apply(event)
    }
    #expect(states.isFinished(key, version(5)) && !states.isFinished(key, version(6)))
  }
}
