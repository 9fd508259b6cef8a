import Testing
import Time

// Goal: percentiles are correct. Method: small lists with known percentiles.

@Suite struct PercentileTests {
  @Test("nearest rank: half of four values is the second, 99 % of a hundred is the 99th")
  func nearestRank() {
    #expect(Percentile.of([4, 1, 3, 2], 0.5) == 2)
    #expect(Percentile.of((1...100).map(Double.init), 0.99) == 99)
    #expect(Percentile.of([7], 0.01) == 7 && Percentile.of([7, 8], 1) == 8)
    #expect(Percentile.of([], 0.5) == 0)
  }
}
