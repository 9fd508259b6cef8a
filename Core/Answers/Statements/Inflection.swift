import Synchronization

/// The base forms of English words: plurals, -ed, -ing, and a table of irregular verbs and nouns.
///
/// Only inflections count. Derivations (`employer`, `employed`; `customer`, `customs`) are other words, which a stemmer
/// would treat as one.
enum Inflection {
  /// A cache of `bases(of:)`: there are few different words, and most recur in many sentences.
  private static let known = Mutex<[String: [String]]>([:])
  private static let knownMax = 20_000

  /// - Parameter word: in lower case.
  /// - Returns: every base form that the word may have, the word itself among them.
  static func bases(of word: String) -> [String] {
    if let bases = known.withLock({ $0[word] }) { return bases }
    let bases = made(of: word)
    // Long words are not cached: one could be as long as a page.
    guard word.utf8.count <= 32 else { return bases }
    known.withLock { known in
      if known.count >= knownMax { known = [:] }
      known[word] = bases
    }
    return bases
  }

  private static func made(of word: String) -> [String] {
    let known = irregular[word]
    guard word.utf8.count > 3, !invariable.contains(word), word.utf8.allSatisfy(isLetter) else {
      return (known ?? []) + [word]
    }
    return (known ?? []) + [word] + singulars(word) + stems(Array(word.utf8))
  }

  /// True for a past form. It is not equal to the form in -ing: "is suing" does not say the same as "is sued".
  static func isPast(_ word: String) -> Bool {
    word.utf8.count > 3 && word.hasSuffix("ed") && !word.hasSuffix("eed") || pasts.contains(word)
  }

  private static let pasts: Set<String> = {
    var found: Set<String> = []
    for line in verbs.split(separator: ";") {
      for form in line.split(whereSeparator: \.isWhitespace).dropFirst() where !form.hasSuffix("ing") {
        found.insert(String(form))
      }
    }
    return found
  }()

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

  private static func singulars(_ word: String) -> [String] {
    guard word.hasSuffix("s"), !word.hasSuffix("ss"), !word.hasSuffix("us"), !word.hasSuffix("is") else {
      return []
    }
    var found = [String(word.dropLast())]
    if word.hasSuffix("ies") { found.append(word.dropLast(3) + "y") }
    if word.hasSuffix("es"), ["ses", "xes", "zes", "ches", "shes", "oes"].contains(where: word.hasSuffix) {
      found.append(String(word.dropLast(2)))
    }
    if word.hasSuffix("ves") { found += [word.dropLast(3) + "f", word.dropLast(3) + "fe"] }
    return found
  }

  /// The verbs that a form in -ed or -ing may come from.
  private static func stems(_ word: [UInt8]) -> [String] {
    var stem: [UInt8]
    if word.suffix(3).elementsEqual("ing".utf8) {
      stem = Array(word.dropLast(3))
    } else if word.suffix(3).elementsEqual("ied".utf8) {
      return [String(decoding: word.dropLast(3), as: UTF8.self) + "y"]
    } else if word.suffix(2).elementsEqual("ed".utf8), !word.suffix(3).elementsEqual("eed".utf8) {
      stem = Array(word.dropLast(2))
    } else {
      return []
    }
    guard stem.count >= 2, stem.contains(where: isVowel) else { return [] }
    let text = String(decoding: stem, as: UTF8.self)
    // A double consonant may be that of the verb ("added", "add") or not ("planned", "plan").
    if stem.count > 3, stem[stem.count - 1] == stem[stem.count - 2], !isVowel(stem[stem.count - 1]) {
      stem.removeLast()
      return [text, String(decoding: stem, as: UTF8.self)]
    }
    // "hoped" comes from "hope", because "hop" becomes "hopped". A verb of several syllables need not double its
    // consonant, so both are possible.
    return isShort(stem) ? [text + "e"] : [text, text + "e"]
  }

  /// True for one syllable that ends in a single vowel and a consonant. The consonant is doubled before -ed and -ing.
  private static func isShort(_ stem: [UInt8]) -> Bool {
    guard let last = stem.last, !isVowel(last), !"wxy".utf8.contains(last), isVowel(stem[stem.count - 2])
    else {
      return false
    }
    return stem.count { isVowel($0) } == 1
  }

  private static func isVowel(_ byte: UInt8) -> Bool { "aeiouy".utf8.contains(byte) }

  /// Words that look like a regular inflection of another word. Only the table of irregular forms counts for them.
  private static let invariable: Set<String> = [
    "news", "customs", "goods", "arms", "means", "glasses", "premises", "woods", "species", "series",
    "always", "perhaps",
    "besides", "sometimes", "afterwards", "towards", "upwards", "downwards", "forwards", "backwards",
    "during",
    "evening", "morning", "ceiling", "wedding", "nothing", "something", "anything", "everything", "sibling",
    "bring",
    "spring", "string", "thing", "king", "ring", "wing", "sing", "swing", "united", "hundred", "sacred",
    "naked",
    "wicked", "kindred", "seed", "need", "feed", "speed", "breed", "indeed", "bleed", "exceed", "proceed",
    "succeed",
    "states", "jeans", "thanks", "minus", "plus", "chess", "lens", "gas", "bias", "canvas", "atlas",
    "christmas",
    "founded", "felled", "grounded", "wounded", "willing", "dying", "dyed",
    "texas", "kansas", "paris", "james", "charles", "wales", "athens", "naples", "brussels", "hers", "ours",
    "yours",
    "theirs", "does", "goes", "whose", "these", "those", "his", "this", "thus",
  ]

  /// Irregular forms and their base forms. Forms of *be*, *have* and *do* are equal if only their person or number
  /// differs: `are` equals `is`, but `was` does not.
  private static let irregular: [String: [String]] = {
    var table: [String: [String]] = [
      "are": ["is"], "am": ["is"], "were": ["was"], "have": ["has"], "do": ["does"], "goes": ["go"],
      "does": ["does"],
    ]
    for line in verbs.split(separator: ";") {
      let forms = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let base = forms.first else { continue }
      for form in forms { table[form, default: []].append(base) }
    }
    return table
  }()

  /// Each entry is a base form and its irregular forms. Verbs come first, then nouns.
  private static let verbs = """
    arise arose arisen; awake awoke awoken; bear bore borne born; beat beaten; become became; begin began begun; \
    bend bent; bet; bind bound; bite bit bitten; bleed bled; blow blew blown; break broke broken; breed bred; \
    bring brought; build built; burn burnt; burst; buy bought; catch caught; choose chose chosen; cling clung; \
    come came; cost; creep crept; cut; deal dealt; dig dug; draw drew drawn; dream dreamt; drink drank drunk; \
    drive drove driven; eat ate eaten; fall fell fallen; feed fed; feel felt; fight fought; find found; flee fled; \
    fling flung; fly flew flown flies; forbid forbade forbidden; forget forgot forgotten; forgive forgave forgiven; \
    freeze froze frozen; get got gotten; give gave given; go went gone; grind ground; grow grew grown; hang hung; \
    hear heard; hide hid hidden; hit; hold held; hurt; keep kept; kneel knelt; know knew known; lay laid; lead led; \
    lean leant; leap leapt; learn learnt; leave left; lend lent; let; lie lay lain lying; light lit; lose lost; \
    make made; mean meant; meet met; pay paid; put; quit; read; ride rode ridden; ring rang rung; rise rose risen; \
    run ran running; say said; see saw seen; seek sought; sell sold; send sent; set setting; shake shook shaken; \
    shed; shine shone; shoot shot; show shown; shrink shrank shrunk; shut shutting; sing sang sung; sink sank sunk; \
    sit sat sitting; sleep slept; slide slid; speak spoke spoken; spend spent; spin spun; split; spread; \
    spring sprang sprung; stand stood; steal stole stolen; stick stuck; sting stung; strike struck stricken; \
    strive strove striven; swear swore sworn; sweep swept; swell swollen; swim swam swum; swing swung; \
    take took taken; teach taught; tear tore torn; tell told; think thought; throw threw thrown; undergo underwent \
    undergone; understand understood; undertake undertook undertaken; wake woke woken; wear wore worn; weave wove \
    woven; win won; wind wound; withdraw withdrew withdrawn; withstand withstood; write wrote written; \
    overcome overcame; override overrode overridden; rewrite rewrote rewritten; rebuild rebuilt; \
    man men; woman women; child children; foot feet; tooth teeth; goose geese; mouse mice; person people; ox oxen; \
    criterion criteria; phenomenon phenomena; analysis analyses; crisis crises; basis bases; index indices; \
    matrix matrices; vertex vertices; datum data; medium media; bacterium bacteria; \
    hypothesis hypotheses; thesis theses; appendix appendices
    """
}
