/// Lists of English words by their role in a question.
enum CommonWords {
  /// True for function words, which mean little on their own.
  static func isFunction(_ word: String) -> Bool { functions.contains(word) }

  static func isQuestion(_ word: String) -> Bool { questions.contains(word) }

  /// Whether a number behind the word counts or measures something: "have 3", "top 10".
  static func precedesQuantity(_ word: String) -> Bool { beforeQuantities.contains(word) }

  static func asksYesOrNo(_ word: String) -> Bool {
    ["is", "are", "was", "were", "does", "do", "did", "can", "may", "must", "will", "should"].contains(word)
  }

  /// Whether things with this name have numbers as names: "room 3", "version 2".
  static func isNumbered(_ noun: Term) -> Bool {
    noun.bases.contains { numbered.contains($0) || places.contains($0) }
  }

  /// Whether the noun is a part of a document, such as a section or a step. Its number may stand there without it.
  static func isPlace(_ noun: Term) -> Bool { noun.bases.contains(where: places.contains) }

  static func isPlural(_ word: String) -> Bool {
    if ["people", "men", "women", "children", "feet", "mice", "teeth"].contains(word) { return true }
    return word.utf8.count > 3 && word.hasSuffix("s") && !word.hasSuffix("ss") && !word.hasSuffix("us")
      && !word.hasSuffix("is") && !functions.contains(word)
  }

  /// True for months, weekdays and abbreviations with points. They don't count as names, because they have several
  /// spellings.
  static func isCalendar(_ word: String) -> Bool { calendar.contains(word) || word.contains(".") }

  private static let calendar = set(
    """
    january february march april may june july august september october november december monday tuesday wednesday \
    thursday friday saturday sunday
    """)

  private static func set(_ words: String) -> Set<String> {
    Set(words.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  private static let functions = set(
    """
    a an the of in on at to for from by with without as into onto upon about above below over under between among \
    through during before after since until within against and or but nor so yet if then than that this these those \
    is are was were be been being am do does did done has have had having will would shall should can could may might \
    must not no it its he she they them his her their theirs we us our ours you your yours i me my mine who whom whose \
    which what when where why how there here also too very just only own same such each every all any some both either \
    neither other another more most less least many much few several out up down off again further once per via let \
    please tell give say said according besides beside despite except unlike like s
    """)

  private static let questions = set(
    "what which who whom whose when where why how name list describe explain define find much many long old far often"
  )

  private static let beforeQuantities = set(
    """
    top bottom next last past first every age aged bring take need cost costs weigh weighs buy keep store carry use \
    get make pay hold contain send allow want work wait see score scored won lost win lose beat ≥ ≤ < > ≈ \
    january february march april june july august september october november december equal equals approximately \
    around nearly almost exactly non consider considered another additional extra total maximum minimum average worth \
    spend \
    spent sell sold produce produced employ employed year years
    """)

  private static let numbered = set(
    """
    version release revision room gate warehouse building floor line port error code level phase class type group unit \
    plan bay dock zone station platform terminal pier lane channel highway route flight train bus order ticket case \
    invoice volume book season episode grade war bowl shift site store shelf rack slot pump valve tank boiler engine \
    machine robot printer server node shard partition camera door crane berth track car truck vehicle lock sluice lot \
    batch hall ward bed desk counter office branch district team number issue bug incident agreement contract product \
    model part device sensor circuit fuse cabinet locker container depot hangar
    """)

  private static let places = set(
    "section chapter article step point item paragraph page figure table appendix rule clause annex exercise question"
  )
}
