/// Why a frame is no valid request; the connection is closed, as Kafka does.
struct ProtocolError: Error { var rule: String }
