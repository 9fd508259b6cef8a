import Statements
import Testing

// Goal: a quote must have the identifiers of its question. Method: questions with their identifiers, and texts that
// have them or don't.

@Suite struct QuestionFocusTests {
  @Test(
    "a question's identifiers are found",
    arguments: [
      ("What is the access word of warehouse 3?", ["warehouse 3"]),
      ("What does section 4.2 say?", ["section 4.2"]),
      ("How do I mend error 0x80070057?", ["0x80070057"]), ("When was version 2.4.0 released?", ["2.4.0"]),
      ("What are the lead days of part P-087?", ["p-087"]), ("Where is gate B?", ["gate b"]),
      ("What does --dry-run do?", ["--dry-run"]), ("Who may read /etc/passwd?", ["/etc/passwd"]),
      ("What is \"the long room\" for?", ["the long room"]), ("What is max_retries?", ["max_retries"]),
      ("What does maxRetries mean?", ["maxretries"]), ("Who works in room twelve?", ["room twelve"]),
      ("What changed in v1.29.3?", ["v1.29.3"]), ("Which key opens door no. 7?", ["door 7"]),
    ])
  func identifiers(_ question: String, _ expected: [String]) {
    let found = QuestionFocus(question).identifiers.map(\.text)
    #expect(found == expected)
  }

  @Test(
    "quantities, years and dates are not identifiers",
    arguments: [
      "May I bring 3 bags?", "Can I stay for 5 days?", "How much do 20 kg cost?", "Who won the cup in 1998?",
      "What happened on 5 March 2020?", "Are 2 people enough?", "Which are the top 10 rivers?",
      "Is 5 % too much?",
      "Is it open at 10:30?", "May I bring 3 large bags?", "Did they win 3 titles?", "What costs 20 euros?",
      "Who was born in the 1990s?", "Is a child aged 5 allowed in?", "How many kWh does it use?",
      "Is the deposit 500?",
      "Is it open 24/7?", "Who invented rock 'n' roll?",
      "Where did the 3 brothers live?",
    ])
  func quantities(_ question: String) {
    #expect(QuestionFocus(question).identifiers.map(\.text) == [])
  }

  @Test(
    "a text that has an identifier is recognised",
    arguments: [
      ("Where is warehouse 3?", "Warehouse 3 lies at the river.", true),
      ("Where is warehouse 3?", "Warehouse three is shut.", true),
      ("Where is warehouse 3?", "Warehouses 2, 3 and 8 are shut.", true),
      ("Where is warehouse 3?", "Warehouses 2 to 5 are shut.", true),
      ("Where is warehouse 3?", "Warehouse 13 is shut.", false),
      ("Where is warehouse 3?", "Warehouse 2 has 3 doors.", false),
      ("Where is warehouse 3?", "Warehouses 4 to 5 are shut.", false),
      ("Where is warehouse 3?", "Gate 3 is shut.", false),
      ("Where is warehouse 3?", "3 managers share warehouse 7.", false),
      ("Where is building 3?", "Building 12, 3 floors", false), ("What is CO2?", "CO₂ is a gas.", true),
      ("What is P-087?", "P087 is a bolt.", true), ("What is P-087?", "P 087 is a bolt.", true),
      ("What is P087?", "P-087: bolt", true),
      ("What is P-087?", "P-0871 is a bolt.", false), ("What is P-087?", "P-88 is a bolt.", false),
      ("What is new in v2.4.0?", "Version 2.4.0 is faster.", true),
      ("What is new in v2.4.0?", "Version 2.4.1 is faster.", false),
      ("What does section 4.2 say?", "4.2 Retention", true), ("What is step 3?", "3. Close the valve.", true),
      ("What is step 3?", "3 bags are allowed.", true), ("What is step 3?", "4. Close the valve.", false),
      ("Where is gate B?", "Gate B is shut.", true), ("Where is gate B?", "Gate C is shut.", false),
      ("What does --dry-run do?", "Use --dry-run to try it.", true),
      ("What does --dry-run do?", "Run it dry.", false),
    ])
  func holds(_ question: String, _ text: String, _ expected: Bool) throws {
    let identifier = try #require(QuestionFocus(question).identifiers.first)
    #expect(QuotedPassage(text, frames: []).holds(identifier) == expected)
  }

  @Test("headings, titles and the column names of a row count as parts of a text")
  func frames() throws {
    let warehouse = try #require(QuestionFocus("Who guards warehouse 3?").identifiers.first)
    #expect(QuotedPassage("The guard is Keller.", frames: ["Sites", "Warehouse 3"]).holds(warehouse))
    #expect(QuotedPassage("The guard is Keller.", frames: ["Warehouse_3"]).holds(warehouse))
    let row = QuotedPassage(
      "3 | Keller | 8", frames: ["Warehouse | Guard | Doors"], row: ["3", "Keller", "8"],
      columns: ["Warehouse", "Guard", "Doors"])
    #expect(row.holds(warehouse))
    let other = QuotedPassage(
      "8 | Keller | 3", frames: ["Warehouse | Guard | Doors"], row: ["8", "Keller", "3"],
      columns: ["Warehouse", "Guard", "Doors"])
    #expect(!other.holds(warehouse))
  }

  @Test("two sentences that differ in a value contradict each other, unless they differ in a word asked for")
  func otherValues() {
    let focus = QuestionFocus("How long are the backups of the orders database kept?")
    func given(_ a: String, _ b: String) -> Bool {
      OtherValue.isGiven(by: Statement(a), for: Statement(b), asked: focus)
    }
    #expect(given("Backups of orders are kept for 35 days.", "Backups of orders are kept for 30 days."))
    #expect(given("Backups of orders are kept for 35 days.", "Backups of orders are kept for 30 weeks."))
    #expect(given("Backups of orders are kept in Ulm.", "Backups of orders are kept in Bonn."))
    #expect(!given("Backups of orders are kept for 35 days.", "Backups of orders are kept for 35 days."))
    #expect(!given("Backups of orders are kept for 35 days.", "Backups of bills are kept for 35 days."))
    #expect(!given("Backups of orders are kept for 35 days.", "Backups of orders are kept."))
  }
}
