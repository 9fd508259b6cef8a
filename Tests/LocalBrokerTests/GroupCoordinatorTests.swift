import Foundation
import Testing

@testable import LocalBroker

// Goal: a client that asks for member IDs and never uses them costs no memory for long. Method: JoinGroup requests of
// version 4, whose first request only gets a member ID, without the second request.

@Suite struct GroupCoordinatorTests {
  private func request(_ group: String, _ member: String = "") -> JoinRequest {
    JoinRequest(
      group: group, memberID: member, clientID: "c", clientHost: "/127.0.0.1", sessionTimeout: 10,
      rebalanceTimeout: 10,
      protocolType: "consumer", protocols: [(name: "range", metadata: [])], mustKnowID: true)
  }

  @Test("at most 10,000 unused member IDs are kept, for 60 s; groups that had no member are forgotten, too")
  func promises() {
    let coordinator = GroupCoordinator()
    for number in 0..<10_100 {
      #expect(coordinator.join(request("group-\(number % 200)")).error == .memberIDRequired)
    }
    #expect(coordinator.memory.promises == 10_000)
    // The newest unused ID is kept, and its client can join.
    let promised = coordinator.join(request("mine")).memberID
    #expect(coordinator.join(request("mine", promised)).error == .none)
    coordinator.expire(now: Date().addingTimeInterval(59))
    #expect(coordinator.memory.promises > 0)
    coordinator.expire(now: Date().addingTimeInterval(61))
    #expect(coordinator.memory.promises == 0)
    #expect(coordinator.memory.groups == 1)
    #expect(coordinator.join(request("group-1", "c-unknown")).error == .unknownMemberID)
  }
}
