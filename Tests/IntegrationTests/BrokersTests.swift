import Foundation
import Testing

// Goal: a missing broker, coordinator or permission delays only the records that need it, and fails none. Method:
// clusters of Apache Kafka in which a broker is killed, a broker starts late, or permissions are taken away.

@Suite(
  .serialized, .timeLimit(.minutes(20)),
  .enabled(if: Pipeline.isOnKafka, "this drill needs three brokers of Apache Kafka"))
struct BrokersTests {
  @Test(
    "a partition below its minimum of in-sync replicas holds up its own queries only, and no deleted text is cited"
  )
  func threeBrokers() throws { try run("three_brokers.py") }

  @Test("in a cluster that has just started, `topics create` waits for the coordinators of the groups")
  func lateCoordinator() throws { try run("late_coordinator.py") }

  @Test("a worker without a Kafka permission says so and is not ready, and nothing becomes a dead letter")
  func accessLists() throws { try run("access_lists.py") }

  private func run(_ script: String) throws {
    let home = try #require(Pipeline.kafkaHome)
    let output = try Pipeline.run(
      Pipeline.python, [Pipeline.checkout + "/Tests/Scripts/" + script, Pipeline.binary, home])
    print("\(script): \(output.text)")
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }
}
