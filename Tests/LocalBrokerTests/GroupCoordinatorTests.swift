import Foundation
import Testing

@testable import LocalBroker

// Goal: a client that asks for member ids and never uses them costs no memory for long. Method: joins as of JoinGroup
// version 4, without the second step.

@Suite struct GroupCoordinatorTests {
  private func request(_ group: String, _ member: String = "") -> JoinRequest {
    JoinRequest(
      group: group, memberID: member, clientID: "c", clientHost: "/127.0.0.1", sessionTimeout: 10,
      rebalanceTimeout: 10,
      protocolType: "consumer", protocols: [(name: "range", metadata: [])], mustKnowID: true)
  }

  @Test("promised member ids are bounded in number and forgotten in time, and so are groups without members")
  func promises() {
    let coordinator = GroupCoordinator()
    for number in 0..<10_100 {
      #expect(coordinator.join(request("group-\(number % 200)")).error == .memberIDRequired)
    }
    #expect(coordinator.memory.promises == 10_000)
    // The newest promise is kept, and makes a member.
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
