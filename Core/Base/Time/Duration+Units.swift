extension Duration {
  /// Whole microseconds.
  package var microseconds: Int64 {
    components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
  }

  /// Whole milliseconds.
  package var milliseconds: Int64 { microseconds / 1000 }

  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
