import Foundation

/// The wall clock, in the units that records carry: time since 1970.
package enum WallClock {
  package static var microseconds: Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
  package static var milliseconds: Int64 { microseconds / 1000 }
}
