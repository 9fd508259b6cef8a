import Foundation

/// Kafka's classic group protocol: members join, the leader assigns partitions, and heartbeats keep members
/// alive.
///
/// Membership is only in memory: after a restart of the broker every member is unknown and rejoins. Committed
/// offsets are in `Store`.
///
/// One condition guards all state. The thread of a connection waits on it while its group rebalances.
final class GroupCoordinator {
  /// The raw values are the states that Kafka's tools show.
  private enum Phase: String {
    case empty = "Empty"
    case preparing = "PreparingRebalance"
    case completing = "CompletingRebalance"
    case stable = "Stable"
  }

  private final class Member {
    let id: String
    let clientID: String
    let clientHost: String
    var sessionTimeout: TimeInterval
    var rebalanceTimeout: TimeInterval
    var protocols: [(name: String, metadata: [UInt8])]
    var assignment: [UInt8] = []
    var deadline: Date
    /// True while the member waits in a join for the next generation.
    var isJoining = false

    init(_ request: JoinRequest, id: String) {
      self.id = id
      clientID = request.clientID
      clientHost = request.clientHost
      sessionTimeout = request.sessionTimeout
      rebalanceTimeout = request.rebalanceTimeout
      protocols = request.protocols
      deadline = Date().addingTimeInterval(request.sessionTimeout)
    }

    func touch() { deadline = Date().addingTimeInterval(sessionTimeout) }
  }

  private final class Group {
    var phase = Phase.empty
    var generation: Int32 = 0
    var protocolType = ""
    var protocolName = ""
    var leader = ""
    var members: [String: Member] = [:]
    /// In join order: when the leader has left, the first member becomes the leader.
    var order: [String] = []
    /// Member ids that were handed out and have not joined yet, with the time when they are forgotten.
    var promised: [String: Date] = [:]
    var gatherDeadline = Date.distantFuture
  }

  private let condition = NSCondition()
  private var groups: [String: Group] = [:]
  private var nextMember = 0
  private static let promisedMax = 10_000
  private static let promiseSeconds = 60.0
  private var promisedCount = 0
  private var isStopped = false

  private func locked<Result>(_ body: () -> Result) -> Result {
    condition.lock()
    defer { condition.unlock() }
    return body()
  }

  func stop() {
    locked {
      isStopped = true
      condition.broadcast()
    }
  }

  /// Removes members whose session has timed out, and completes each rebalance whose deadline has passed.
  /// Called ten times a second.
  func expire(now: Date = Date()) {
    locked {
      for (name, group) in groups {
        for (id, deadline) in group.promised where deadline < now {
          group.promised[id] = nil
          promisedCount -= 1
        }
        // Forget a group that never had a member, for example because its only promised ID was not used.
        if group.generation == 0, group.members.isEmpty, group.promised.isEmpty { groups[name] = nil }
        let silent = group.members.values.filter { !$0.isJoining && $0.deadline < now }.map(\.id)
        for id in silent { remove(id, from: group) }
        if group.phase == .preparing, now >= group.gatherDeadline { completeJoin(group, force: true) }
      }
    }
  }

  func join(_ request: JoinRequest) -> JoinResult {
    locked {
      let group = groups[request.group] ?? Group()
      groups[request.group] = group
      var id = request.memberID
      if id.isEmpty {
        nextMember += 1
        id = "\(request.clientID)-\(UUID().uuidString.lowercased())-\(nextMember)"
        if request.mustKnowID {
          // Clients join with their ID at once, so the oldest promise can be dropped when there are too many.
          if promisedCount >= Self.promisedMax { forgetOldestPromise() }
          group.promised[id] = Date().addingTimeInterval(Self.promiseSeconds)
          promisedCount += 1
          return JoinResult(error: .memberIDRequired, memberID: id)
        }
      } else if group.members[id] == nil {
        guard group.promised.removeValue(forKey: id) != nil else {
          return JoinResult(error: .unknownMemberID, memberID: id)
        }
        promisedCount -= 1
      }
      guard agrees(request, with: group) else {
        return JoinResult(error: .inconsistentGroupProtocol, memberID: id)
      }
      return join(request, as: id, group)
    }
  }

  /// How many member ids were handed out and have not joined yet, and how many groups are known.
  var memory: (promises: Int, groups: Int) { locked { (promisedCount, groups.count) } }

  private func forgetOldestPromise() {
    let oldest = groups.values.compactMap { group in
      group.promised.min { $0.value < $1.value }.map { (group, $0.key, $0.value) }
    }.min { $0.2 < $1.2 }
    guard let (group, id, _) = oldest else { return }
    group.promised[id] = nil
    promisedCount -= 1
  }

  private func agrees(_ request: JoinRequest, with group: Group) -> Bool {
    guard !request.protocols.isEmpty else { return false }
    let others = group.members.values.filter { $0.id != request.memberID }
    guard !others.isEmpty else { return true }
    guard request.protocolType == group.protocolType else { return false }
    return request.protocols.contains { mine in
      others.allSatisfy { $0.protocols.contains { $0.name == mine.name } }
    }
  }

  private func join(_ request: JoinRequest, as id: String, _ group: Group) -> JoinResult {
    group.protocolType = request.protocolType
    if let member = group.members[id] {
      let isSame = member.protocols.elementsEqual(request.protocols) {
        $0.name == $1.name && $0.metadata == $1.metadata
      }
      member.touch()
      // A repeated join, whose response was lost, gets the current generation. If the group is stable and the
      // member leads it, a repeated join starts a rebalance.
      if isSame, group.phase == .completing || (group.phase == .stable && group.leader != id) {
        return result(for: id, group)
      }
      member.protocols = request.protocols
    } else {
      group.members[id] = Member(request, id: id)
      group.order.append(id)
    }
    group.members[id]?.isJoining = true
    if group.phase != .preparing { prepare(group) }
    completeJoin(group, force: false)
    let generation = group.generation
    // Wait for the member, not for the phase: this join may complete and the next rebalance may start before
    // this thread wakes, and a wait for the phase would then not end. The member learns of the next rebalance
    // from its sync or heartbeat. A removed member does not wait either.
    while group.members[id]?.isJoining ?? false {
      if isStopped { return JoinResult(error: .rebalanceInProgress, memberID: id) }
      condition.wait()
    }
    guard group.members[id] != nil, group.generation >= generation else {
      return JoinResult(error: .unknownMemberID, memberID: id)
    }
    return result(for: id, group)
  }

  private func result(for id: String, _ group: Group) -> JoinResult {
    var result = JoinResult(
      error: .none, generation: group.generation, protocolName: group.protocolName, leader: group.leader,
      memberID: id)
    if id == group.leader {
      result.members = group.order.compactMap { memberID in
        guard let member = group.members[memberID] else { return nil }
        return (memberID, member.protocols.first { $0.name == group.protocolName }?.metadata ?? [])
      }
    }
    return result
  }

  private func prepare(_ group: Group) {
    group.phase = .preparing
    let longest = group.members.values.map(\.rebalanceTimeout).max() ?? 0
    group.gatherDeadline = Date().addingTimeInterval(longest)
    condition.broadcast()
  }

  /// Starts the next generation once every member has joined. With `force`, members that have not joined are
  /// removed first.
  private func completeJoin(_ group: Group, force: Bool) {
    guard group.phase == .preparing else { return }
    if force {
      for member in group.members.values where !member.isJoining {
        group.members[member.id] = nil
        group.order.removeAll { $0 == member.id }
      }
    }
    guard group.members.values.allSatisfy(\.isJoining) else { return }
    group.gatherDeadline = .distantFuture
    guard let first = group.order.first else {
      group.phase = .empty
      condition.broadcast()
      return
    }
    group.generation = group.generation == .max ? 1 : group.generation + 1
    group.leader = group.members[group.leader] == nil ? first : group.leader
    let candidates = group.members[group.leader]?.protocols ?? []
    group.protocolName =
      candidates.first { mine in
        group.members.values.allSatisfy { $0.protocols.contains { $0.name == mine.name } }
      }?.name ?? ""
    for member in group.members.values {
      member.isJoining = false
      member.assignment = []
      member.touch()
    }
    group.phase = .completing
    condition.broadcast()
  }

  private func remove(_ id: String, from group: Group) {
    guard group.members.removeValue(forKey: id) != nil else { return }
    group.order.removeAll { $0 == id }
    // The thread of the removed member may be waiting in a join.
    condition.broadcast()
    if group.members.isEmpty {
      group.phase = .empty
    } else if group.phase == .preparing {
      completeJoin(group, force: false)
    } else {
      prepare(group)
    }
  }

  func sync(group name: String, generation: Int32, memberID: String, assignments: [String: [UInt8]])
    -> (ErrorCode, [UInt8])
  {
    locked {
      guard let group = groups[name], let member = group.members[memberID] else {
        return (.unknownMemberID, [])
      }
      guard generation == group.generation else { return (.illegalGeneration, []) }
      member.touch()
      if group.phase == .completing, memberID == group.leader {
        for (id, assignment) in assignments { group.members[id]?.assignment = assignment }
        for member in group.members.values { member.touch() }
        group.phase = .stable
        condition.broadcast()
      }
      let limit = Date().addingTimeInterval(member.rebalanceTimeout)
      while group.phase == .completing, group.generation == generation, group.members[memberID] != nil,
        !isStopped
      {
        if !condition.wait(until: limit) { prepare(group) }
      }
      guard group.members[memberID] != nil else { return (.unknownMemberID, []) }
      guard group.phase == .stable, group.generation == generation else { return (.rebalanceInProgress, []) }
      return (.none, member.assignment)
    }
  }

  func heartbeat(group name: String, generation: Int32, memberID: String) -> ErrorCode {
    locked {
      guard let group = groups[name], let member = group.members[memberID] else { return .unknownMemberID }
      guard generation == group.generation else { return .illegalGeneration }
      member.touch()
      return group.phase == .preparing ? .rebalanceInProgress : .none
    }
  }

  func leave(group name: String, memberID: String) -> ErrorCode {
    locked {
      guard let group = groups[name], group.members[memberID] != nil else { return .unknownMemberID }
      remove(memberID, from: group)
      return .none
    }
  }

  /// The state of a group, as DescribeGroups returns it.
  struct Description {
    struct Member {
      var id: String
      var clientID: String
      var clientHost: String
      var metadata: [UInt8]
      var assignment: [UInt8]
    }
    var state: String
    var protocolType: String
    var protocolName: String
    var members: [Member]
  }

  /// The protocol types of the groups that have members, by group name.
  func living() -> [String: String] {
    locked { groups.filter { !$0.value.members.isEmpty }.mapValues(\.protocolType) }
  }

  /// Nil when the group has had no member since the broker started or the group was deleted.
  func describe(_ name: String) -> Description? {
    locked {
      guard let group = groups[name] else { return nil }
      let isStable = group.phase == .stable
      return Description(
        state: group.phase.rawValue, protocolType: group.protocolType,
        protocolName: isStable ? group.protocolName : "",
        members: group.order.compactMap { group.members[$0] }.map { member in
          Description.Member(
            id: member.id, clientID: member.clientID, clientHost: member.clientHost,
            metadata: isStable
              ? member.protocols.first { $0.name == group.protocolName }?.metadata ?? [] : [],
            assignment: member.assignment)
        })
    }
  }

  /// Removes a group that has no members.
  ///
  /// - Returns: false when the group has members.
  func forget(_ name: String) -> Bool {
    locked {
      guard groups[name]?.members.isEmpty ?? true else { return false }
      groups[name] = nil
      return true
    }
  }

  /// Returns `.none` when a commit may be stored: from a member of the current generation or, while the group
  /// is empty, from a client without a generation or a member id.
  func mayCommit(group name: String, generation: Int32, memberID: String) -> ErrorCode {
    locked {
      guard let group = groups[name], !group.members.isEmpty else {
        return generation < 0 || memberID.isEmpty ? .none : .unknownMemberID
      }
      guard let member = group.members[memberID] else { return .unknownMemberID }
      guard generation == group.generation else { return .illegalGeneration }
      member.touch()
      return group.phase == .completing ? .rebalanceInProgress : .none
    }
  }
}

// Every access to `groups` and their members is made with `condition` locked.
extension GroupCoordinator: @unchecked Sendable {}
