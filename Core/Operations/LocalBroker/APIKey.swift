/// The requests of Kafka's protocol that this broker supports.
enum APIKey: Int16, CaseIterable {
  case produce = 0
  case fetch = 1
  case listOffsets = 2
  case metadata = 3
  case offsetCommit = 8
  case offsetFetch = 9
  case findCoordinator = 10
  case joinGroup = 11
  case heartbeat = 12
  case leaveGroup = 13
  case syncGroup = 14
  case describeGroups = 15
  case listGroups = 16
  case apiVersions = 18
  case createTopics = 19
  case deleteTopics = 20
  case initProducerID = 22
  case describeConfigs = 32
  case alterConfigs = 33
  case deleteGroups = 42

  /// The supported versions. The requests of group members end before the version that adds `group.instance.id`: this
  /// broker has no static members, and a client that sets the ID must not believe that it is one.
  ///
  /// An unsupported version of ApiVersions is answered with its error code; any other
  /// unsupported request closes the connection.
  var versions: ClosedRange<Int16> {
    switch self {
    case .produce: 3...7
    case .fetch: 4...11
    case .listOffsets: 1...5
    case .metadata: 0...8
    case .offsetCommit: 2...6
    case .offsetFetch: 1...5
    case .findCoordinator: 0...2
    case .joinGroup: 0...4
    case .heartbeat: 0...2
    case .leaveGroup: 0...2
    case .syncGroup: 0...2
    case .describeGroups: 0...4
    case .listGroups: 0...2
    case .apiVersions: 0...3
    case .createTopics: 2...4
    case .deleteTopics: 1...3
    case .initProducerID: 0...1
    case .describeConfigs: 0...3
    case .alterConfigs: 0...1
    case .deleteGroups: 0...1
    }
  }
}
