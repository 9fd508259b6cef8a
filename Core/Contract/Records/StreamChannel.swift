/// The Redis channel to which the sentences of one answer are streamed.
package enum StreamChannel {
  package static func name(_ topicPrefix: String, _ key: QueryKey) -> String {
    "millrace:stream:\(topicPrefix)\(key)"
  }
}
