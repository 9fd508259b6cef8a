import Foundation
import Testing

// Goal: what goes wrong with one broker of three holds up only what needs it. Method: a pipeline on three brokers of
// Apache Kafka, of which one is killed.

@Suite(
  .serialized, .timeLimit(.minutes(20)),
  .enabled(if: Pipeline.isOnKafka, "this drill needs three brokers of Apache Kafka"))
struct BrokersTests {
  @Test(
    "a partition below its minimum of in-sync replicas holds up its own queries only, and no deleted text is cited"
  )
  func threeBrokers() throws {
    let home = try #require(Pipeline.kafkaHome)
    let output = try Pipeline.run(
      Pipeline.python, [Pipeline.checkout + "/Tests/Scripts/three_brokers.py", Pipeline.binary, home])
    print("three brokers: \(output.text)")
    #expect(output.code == 0, "\(output.text)\(output.error)")
  }
}
