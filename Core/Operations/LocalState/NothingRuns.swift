import CommandLine
import Foundation

/// Nothing of an `up` runs in the folder that is meant.
package struct NothingRuns: Error, CustomStringConvertible {
  package let description: String
  package init(_ directory: StateDirectory) {
    description = "nothing runs in \(directory.path): start it with `millrace up --state \(directory.path)`"
  }
}
