import Foundation

/// Something that must run does not.
struct Unavailable: Error, CustomStringConvertible { let description: String }
