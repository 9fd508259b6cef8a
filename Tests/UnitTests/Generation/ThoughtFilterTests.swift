import Generation
import Testing

// Goal: no thought of a model becomes an answer, wherever a stream is split. Method: texts in pieces of every size.

@Suite struct ThoughtFilterTests {
  /// The text without thoughts, and how often it was taken back.
  private struct Answer: Equatable {
    var text = ""
    var restarts = 0
  }

  private func answer(_ text: String, size: Int, holdsBack: Bool = false) -> Answer {
    var filter = ThoughtFilter(holdsBack: holdsBack)
    var result = Answer()
    let scalars = Array(text.unicodeScalars)
    var events: [ChatEvent] = []
    for start in stride(from: 0, to: scalars.count, by: size) {
      var piece = String.UnicodeScalarView()
      piece.append(contentsOf: scalars[start..<min(start + size, scalars.count)])
      events += filter.feed(String(piece))
    }
    for event in events + filter.finish() {
      switch event {
      case .text(let text): result.text += text
      case .restart: result = Answer(text: "", restarts: result.restarts + 1)
      }
    }
    return result
  }

  @Test(
    "thoughts are removed, and all other text is kept",
    arguments: [
      ("Kept for 35 days.", "Kept for 35 days."),
      ("<think>Which one?</think>Kept.", "Kept."),
      ("<THINKING>a</Thinking>Kept.", "Kept."),
      ("<thought>a</thought><reasoning>b</reasoning>Kept.", "Kept."),
      ("[THINK]a[/THINK]Kept.", "Kept."),
      ("<seed:think>a</seed:think>Kept.", "Kept."),
      ("No opening tag.</think>Kept.", "Kept."),
      ("<think>a<think>b</think>c</think>Kept.", "Kept."),
      ("<think>a<think>b</think>Kept.", "Kept."),
      ("a</think>b</think>Kept.", "Kept."),
      ("<think>never closed", ""),
      ("<think></think>", ""),
      ("If a < b, then <thin> and [th] and </thin", "If a < b, then <thin> and [th] and </thin"),
      ("<think>漢字 ä</think>Grün 漢字.", "Grün 漢字."),
      ("", ""),
    ])
  func rest(_ text: String, _ rest: String) {
    for size in [1, 2, 3, 5, 7, 1000] {
      #expect(answer(text, size: size).text == rest, "pieces of \(size)")
      #expect(answer(text, size: size, holdsBack: true).text == rest, "held back, pieces of \(size)")
    }
  }

  @Test("a thought in the middle becomes a line break")
  func middle() {
    for size in [1, 3, 1000] {
      #expect(answer("First.<think>a</think>Second.", size: size).text == "First.\nSecond.")
    }
  }

  @Test("text is passed on at once, and taken back if it was a thought; on request it is held back")
  func restarts() {
    let text = "It is red. No, blue.</think>Green."
    #expect(answer(text, size: 4).restarts == 1)
    #expect(answer(text, size: 4, holdsBack: true) == Answer(text: "Green."))
    var filter = ThoughtFilter()
    #expect(filter.feed("It is red. ") == [.text("It is red. ")] && !filter.endedUnopened)
    #expect(filter.feed("</think>") == [.restart] && filter.endedUnopened)
    #expect(answer("Without any tag.", size: 4, holdsBack: true) == Answer(text: "Without any tag."))
    var opened = ThoughtFilter()
    _ = opened.feed("<think>a</think>b</think>c")
    #expect(!opened.endedUnopened, "the model opens its thoughts with a tag")
  }
}
