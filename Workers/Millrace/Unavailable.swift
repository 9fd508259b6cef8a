import CommandLine
import Foundation
import KafkaClient
import LocalState
import Settings
import Stage
import Telemetry

/// Something that must run does not.
struct Unavailable: Error, CustomStringConvertible { let description: String }
