import Foundation

/// Makes text that somebody else wrote (documents, questions, an LLM's answer) harmless for prompts and for the text of
/// answers: a model, a terminal or a reader must not take a part of it for a command or a citation. Quotes in citations
/// stay as they are.
package enum UntrustedText {
  /// Text for an answer: without marks such as `[2]`, which would be taken for citations, and without control
  /// characters, which a terminal would obey.
  package static func forAnswer(_ text: String) -> String {
    replaced(mark, in: without(isControl, text, instead: " "))
  }

  /// Text for a prompt: also without what chat models take for the borders of messages. llama-server, for example,
  /// reads `<|im_start|>` as a control token wherever it stands.
  ///
  /// Only the tokens in the list are covered: a model may have others.
  package static func forPrompt(_ text: String) -> String {
    replaced(
      templateToken, in: forAnswer(without({ $0.properties.isDefaultIgnorableCodePoint }, text, instead: nil))
    )
  }

  private static let mark = regex([#"\[\s*\d[\d\s,–-]*\]"#])

  /// Borders of messages and control tokens of Llama, Mistral, ChatML (Qwen, SmolLM, Phi), Gemma, DeepSeek, Zephyr,
  /// EXAONE, GLM, Nemotron and their like.
  private static let templateToken = regex([
    #"<[|｜][^<>|｜]{0,60}[|｜]>"#, #"<[|｜]|[|｜]>"#, #"\[\|[^\[\]|]{0,60}\|\]"#, #"\[\||\|\]"#, #"<</?SYS>>"#,
    #"\[/?(?:INST|SYS|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT|IMG|THINK|gMASK)\]"#,
    #"</?(?:s|bos|eos|pad|unk|mask|cls|sep|sop|eop|(?:start|end)_of_[a-z]+|unused\d+|extra_id_\d+|seed:\w+)>"#,
    #"</?(?:thinking|thoughts?|reasoning)>"#,
    #"</?(?:im_start|im_end|think|tool_call|tool_response|tool|function|system|user|assistant)>"#,
  ])

  private static func regex(_ patterns: [String]) -> NSRegularExpression {
    let pattern = patterns.joined(separator: "|")
    guard let regex = try? NSRegularExpression(pattern: pattern, options: .caseInsensitive) else {
      preconditionFailure("not a regular expression: \(pattern)")
    }
    return regex
  }

  /// Replacements for brackets and bars, in UTF-16. They look alike, but no tokenizer reads them as a control token.
  private static let harmless: [UInt16: UInt16] = [
    0x3C: 0x2039, 0x3E: 0x203A, 0x5B: 0x28, 0x5D: 0x29, 0x7C: 0xA6, 0xFF5C: 0xA6,
  ]

  /// Replaces the brackets and bars of all matches. It works on UTF-16 units, as the regular expression does, so a
  /// combining mark behind a bracket can't hide the bracket.
  private static func replaced(_ regex: NSRegularExpression, in text: String) -> String {
    guard text.utf8.contains(where: { $0 == 0x3C || $0 == 0x5B || $0 == 0x7C || $0 == 0xEF }) else {
      return text
    }
    let found = regex.matches(in: text, range: NSRange(location: 0, length: text.utf16.count))
    if found.isEmpty { return text }
    var units = Array(text.utf16)
    for match in found {
      for index in match.range.location..<match.range.location + match.range.length {
        units[index] = harmless[units[index]] ?? units[index]
      }
    }
    return String(decoding: units, as: UTF16.self)
  }

  private static func without(
    _ isUnwanted: (Unicode.Scalar) -> Bool, _ text: String, instead: Unicode.Scalar?
  ) -> String {
    guard text.unicodeScalars.contains(where: isUnwanted) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if !isUnwanted(scalar) {
        result.append(scalar)
      } else if let instead {
        result.append(instead)
      }
    }
    return String(result)
  }

  /// True for C0 except line breaks and tabs, DEL, C1, marks that change the direction of text, and invisible tags.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: false
    case 0..<0x20, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069, 0xE0000...0xE007F: true
    default: false
    }
  }
}
