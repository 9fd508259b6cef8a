// swift-format-ignore-file: NeverForceUnwrap
import Caching
import Foundation
import Records
import Testing

// Goal: someone who can read and write everything in Redis can't read streamed sentences or forge one. Method: the
// channel and the messages of one query, with other tokens, other queries and changed bytes.

@Suite struct SentenceStreamTests {
  private func query(_ token: String?, id: String = "q-1", stream: Bool = true) -> QueryRecord {
    var query = QueryRecord(id: QueryID(id)!, tenant: TenantID("acme")!, text: "why?", mode: .answer)
    query.stream = stream
    query.streamToken = token
    return query
  }

  private let token = "0123456789abcdef0123456789"

  @Test("a sentence opens only unchanged, with its query's token and ID; there is no stream without a token")
  func sealed() throws {
    let stream = try #require(SentenceStream(query(token), topicPrefix: "rag."))
    let message = try #require(stream.seal("The depot opens at six."))
    #expect(stream.open(message) == "The depot opens at six.")
    let empty = try #require(stream.seal(""))
    #expect(stream.open(empty) == "")
    #expect(message != stream.seal("The depot opens at six."), "no nonce is used twice")
    for other in [query(token + "x"), query(token, id: "q-2")] {
      let other = try #require(SentenceStream(other, topicPrefix: "rag."))
      #expect(other.channel != stream.channel && other.open(message) == nil)
    }
    for index in message.indices {
      var changed = message
      changed[index] ^= 1
      #expect(stream.open(changed) == nil, "byte \(index)")
    }
    #expect(stream.open([]) == nil && stream.open(Array(message.dropLast())) == nil)
    #expect(SentenceStream(query(nil), topicPrefix: "rag.") == nil)
    #expect(SentenceStream(query(token, stream: false), topicPrefix: "rag.") == nil)
  }

  @Test("the channel does not contain the query's ID, tenant or token, nor the message its sentence")
  func silent() throws {
    let stream = try #require(SentenceStream(query(token, id: "who-is-fired"), topicPrefix: "rag."))
    for secret in ["who-is-fired", "acme", token] { #expect(!stream.channel.contains(secret)) }
    let message = String(decoding: try #require(stream.seal("The depot opens at six.")), as: UTF8.self)
    #expect(!message.contains("depot"))
  }

  @Test("a token must have an allowed length and only allowed characters")
  func rule() {
    func error(_ token: String) -> FieldError? {
      let text = #"{"id":"q","text":"why?","stream":true,"stream_token":"\#(token)"}"#
      do throws(FieldError) {
        _ = try QueryRecord(value: Array(text.utf8))
        return nil
      } catch { return error }
    }
    #expect(error(token) == nil)
    for bad in ["", "short", String(repeating: "a", count: 129), token + "*", token + "\u{e9}"] {
      #expect(error(bad)?.field == "stream_token", "\(bad)")
      #expect(error(bad)?.description.contains(token) != true, "a token is not shown")
    }
  }
}
