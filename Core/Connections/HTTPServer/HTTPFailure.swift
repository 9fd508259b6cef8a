internal import CMicroHTTPD
import Foundation

/// Why a server does not run.
package struct HTTPFailure: Error, Sendable, CustomStringConvertible { package var description: String }
