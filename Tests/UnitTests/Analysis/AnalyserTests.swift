import Analysis
import Foundation
import TestSupport
import Testing

// Goal: a question's words match a text's words, whatever their form, and identifiers stay whole. Method: texts in
// several languages, with their expected terms.

@Suite struct AnalyserTests {
  private func terms(_ text: String, _ language: String = "en", folds: Bool = true) -> [String] {
    Analyser(AnalysisRules(foldsAccents: folds)).terms(of: Array(text.utf8), Language(language)).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  @Test(
    "an identifier's terms are the whole and its parts",
    arguments: [
      ("P-087", ["p-087", "p", "087"]), ("(P-087),", ["p-087", "p", "087"]),
      ("v1.29.3", ["v1.29.3", "v1", "v", "1", "29", "3"]), ("snake_case", ["snake_case", "snake", "case"]),
      ("camelCase", ["camelcase", "camel", "case"]), ("HTTPServer", ["httpserver", "http", "server"]),
      ("0x80070057", ["0x80070057"]), ("--dry-run", ["dry-run", "--dry-run", "dri", "run"]),
      ("-v", ["-v", "v"]), ("/etc/hosts", ["etc/hosts", "etc", "host"]), ("C++", ["c++", "c"]),
      ("C#.", ["c#", "c"]),
      ("kube-apiserver.service", ["kube-apiserver.service", "kube", "apiserv", "servic"]),
      ("user@example.com", ["user@example.com", "user", "exampl", "com"]),
      ("9f8e7d6c5b4a", ["9f8e7d6c5b4a"]), ("[\"--dry-run\",", ["dry-run", "--dry-run", "dri", "run"]),
      ("ARGS=--dry-run", ["arg", "dry-run", "--dry-run", "dri", "run"]),
      (
        "core/v1beta2/PodAffinity",
        ["core/v1beta2/podaffinity", "core", "v1beta2", "podaffinity", "pod", "affin"]
      ),
      (
        "a/b/c/d/e/f/g/h/i/j/k/l/v1.9.3/snake_case",
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "v1.9.3", "v1", "v", "1", "9", "3"]
          + ["snake_case", "snake", "case"]
      ),
    ])
  func identifiers(_ text: String, _ expected: [String]) {
    let found = terms(text)
    #expect(Set(found) == Set(expected) && found.count == expected.count, "\(found)")
  }

  @Test(
    "codes, flags, names of programs and versions are identifiers; words, numbers and dates are not",
    arguments: [
      ("P-087", true), ("--dry-run", true), ("hostPath", true), ("snake_case", true), ("v1.29.3", true),
      ("2.7.9", true), ("0x80070057", true), ("9f8e7d6c", true), ("C++", true), ("\"--flag\",", true),
      ("https://example.org/v1.9.3/notes", true), ("well-known", false), ("21st", false),
      ("1990-1995", false),
      ("15-year-old", false), ("3.5", false), ("100+", false), ("U.S.", false), ("and/or", false),
      ("kubernetes", false), ("10,000", false), ("page.html#part", false),
    ])
  func isIdentifier(_ text: String, _ expected: Bool) {
    var found: [String] = []
    _ = Analyser(AnalysisRules()).terms(ofPiece: Array(text.utf8), Language("en")) {
      found.append(String(decoding: $0, as: UTF8.self))
    }
    #expect(found.isEmpty != expected, "\(found)")
  }

  @Test("a piece of 6,000 names is not analysed in quadratic time")
  func manyNames() {
    let text = (0..<6000).map { "/-ab\($0)" }.joined()
    let time = ProcessorTime.measure { #expect(terms(text).count > 6000) }
    // 0.1 s were measured in a debug build; a comparison of all pairs takes a minute.
    #expect(time < .seconds(20), "\(time)")
  }

  @Test("words are folded, and stemmed in their language")
  func words() {
    #expect(terms("The Deployments' replicas, scaled") == terms("the deployment replica scale"))
    #expect(terms("Häuser", "de") == terms("HAUS", "de"))
    #expect(terms("l’éléphant", "fr") == terms("éléphants", "fr"))
    #expect(terms("Ｋａｆｋａ ﬁle １", "") == terms("kafka file 1", ""))
    #expect(terms("documents", "") == ["documents"], "no stemmer without a language")
    #expect(terms("книги", "ru") == terms("книга", "ru"))
    #expect(terms("evlerimizden", "tr") == terms("ev", "tr"))
  }

  @Test("accents are folded unless the setting or the language keeps them")
  func accents() {
    #expect(terms("café", "en") == terms("cafe", "en"))
    #expect(terms("café", "en", folds: false) != terms("cafe", "en", folds: false))
    #expect(terms("bạn", "vi") != terms("bán", "vi"))
    #expect(terms("Łódź ışık", "") == ["lodz", "isik"])
    #expect(terms("हिन्दी", "").joined().contains("ि"), "vowel signs are not accents")
  }

  @Test("Chinese, Japanese and Korean become overlapping pairs; Thai becomes words")
  func scripts() {
    #expect(terms("東京都庁") == ["東京", "京都", "都庁"])
    #expect(terms("水") == ["水"])
    #expect(terms("Kafkaは速い") == ["kafka", "は速", "速い"])
    #expect(terms("한국어 문장") == ["한국", "국어", "문장"])
    #expect(terms("ภาษาไทย").count == 2)
  }

  @Test("any text is analysed: long words, control characters, random characters")
  func anything() {
    #expect(terms(String(repeating: "x", count: 10_000)).isEmpty, "longer than a word may be")
    #expect(terms(String(repeating: "a-", count: 5000)).count == 5000)
    #expect(terms("\u{0}\u{1}\u{feff}… — !!! \u{1F600}").isEmpty)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let scalars = (0..<Int.random(in: 0...40)).compactMap { _ in
        Unicode.Scalar(UInt32.random(in: 0...0x2FFFF, using: &random))
      }
      let text = String(String.UnicodeScalarView(scalars))
      for term in terms(text, ["en", "ar", "hi", "el", "tr"].randomElement() ?? "") {
        #expect(!term.isEmpty && term.utf8.count <= Analyser.termBytesMax, "\(text)")
      }
    }
  }

  @Test("the language code is the first part of a tag; anything that is not a code is unknown")
  func codes() {
    #expect(Language("en-GB").code == "en" && Language("ZH_hans").code == "zh" && Language("iw").code == "he")
    #expect(Language("English") == .unknown && Language("") == .unknown && Language("e1") == .unknown)
  }

  @Test(
    "the language of a text is detected, and is empty if it is uncertain",
    arguments: [
      ("The quick brown fox jumps over the lazy dog while the farmer watches from the house.", "en"),
      ("Die Bundesregierung hat am Mittwoch beschlossen, die Steuern für Unternehmen zu senken.", "de"),
      ("Le gouvernement a décidé mercredi de réduire les impôts des entreprises françaises.", "fr"),
      ("Правительство в среду решило снизить налоги для предприятий и граждан.", "ru"),
      ("政府は水曜日に企業の税金を引き下げることを決定しました。", "ja"), ("", ""), ("0x80070057 #42", ""),
    ])
  func detection(_ text: String, _ expected: String) {
    #expect(LanguageDetector.language(of: Array(text.utf8)).code == expected)
  }
}
