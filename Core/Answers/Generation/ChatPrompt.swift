import Foundation
import Records
import Tokenizer

/// The messages to the LLM, within a budget of tokens.
package struct ChatPrompt: Sendable {
  /// The text that the model must give when the context holds no answer.
  package static let noAnswer = "NOT IN THE DOCUMENTS"
  /// How many tokens the chat template is assumed to add to each message.
  private static let messageTokens = 8
  /// How many tokens of the LLM are assumed for a WordPiece token. Byte-pair tokenizers make more tokens: SmolLM2's
  /// made 1.2 times as many from the demo's pages.
  private static let tokensPerPiece = 1.3

  private static let system =
    "You copy the sentences of the text that answer the question. If none does, say \(noAnswer)."
  private static let order =
    "Copy the one or two sentences of the text that answer the question, word for word."

  package var messages: [ChatMessage]

  /// A prompt with a fixed text and question. It tests an LLM with the same kind of prompt as queries do.
  package static let trial = messages("The lamp is red.", question: "Which colour is the lamp?", after: [])

  private static func messages(_ text: String, question: String, after turns: [ChatMessage]) -> [ChatMessage]
  {
    [ChatMessage(role: .system, content: system)] + turns + [
      ChatMessage(role: .user, content: "Text:\n\(text)\n\nQuestion: \(question)\n\n\(order)")
    ]
  }

  /// - Parameters:
  ///   - context: its best-ranked sentences are taken while they fit. The prompt has them in the order of the
  ///     context, each section under its heading.
  ///   - tokensMax: the limit for the whole prompt; the number of tokens is estimated.
  init(_ query: QueryRecord, _ context: ContextSentences, tokensMax: Int, tokenizer: WordPieceTokenizer) {
    let question = UntrustedText.forPrompt(query.text)
    func cost(_ text: String) -> Int { Int(Double(tokenizer.tokenCount(text)) * Self.tokensPerPiece) + 1 }
    var left =
      tokensMax - cost(Self.system) - cost(Self.order) - cost(question) - 3 * Self.messageTokens
    var headings: Set<String> = []
    var kept: [Int] = []
    for index in context.ranking {
      let sentence = context.sentences[index]
      let heading = Self.heading(sentence.item)
      let price = cost(sentence.text) + (headings.contains(heading) ? 0 : cost(heading))
      // The best sentence is always taken, whatever its length.
      guard price <= left || kept.isEmpty else { break }
      left -= price
      headings.insert(heading)
      kept.append(index)
    }
    var turns: [ChatMessage] = []
    for turn in query.history.reversed() {
      let price = cost(turn.text) + Self.messageTokens
      guard price <= left else { break }
      left -= price
      turns.insert(
        ChatMessage(
          role: turn.role == .user ? .user : .assistant, content: UntrustedText.forPrompt(turn.text)), at: 0)
    }
    var text = ""
    var last: String?
    for index in kept.sorted() {
      let sentence = context.sentences[index]
      let heading = Self.heading(sentence.item)
      if heading != last { text += (text.isEmpty ? "" : "\n\n") + (heading.isEmpty ? "" : heading + "\n") }
      // A heading that can be quoted already stands above its section.
      if sentence.quotedHeading == nil {
        text += (heading == last ? " " : "") + UntrustedText.forPrompt(sentence.folded)
      }
      last = heading
    }
    messages = Self.messages(text, question: question, after: turns)
  }

  private static func heading(_ item: ContextItem) -> String {
    var names: [String] = []
    for name in [item.document.title] + item.headingPath + [item.context]
    where !name.isEmpty && names.last != name {
      names.append(name)
    }
    // A title with line breaks could imitate the layout of the prompt.
    let folded = names.joined(separator: " > ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return UntrustedText.forPrompt(folded)
  }
}
