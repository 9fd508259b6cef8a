// swift-format-ignore-file: NeverForceUnwrap
import BlockingExecutor
import Chunking
import Foundation
import Parsing
import Records
import TestSupport
import Testing
import Tokenizer

// Goal: a document is read as a person reads it. Method: small inputs of each kind, through the real reader, then files
// in office formats (Tests/Files) and the field cases of the test data (MILLRACE_SHARED).
//
// | kind | inputs | what holds |
// |---|---|---|
// | HTML5 | `main`, `article`, custom elements, left-out tags, closed `details`, buttons | all text is there, once |
// | what a browser does not show | `hidden`, styles in line and in `style`, templates, scripts | none of it is there |
// | the margins of a page | `nav`, `header`, `aside`, `footer` in and outside of `main` | only those inside are read |
// | numbers | lists with start, value, reversed, letters; raised digits | they are what is shown; 35² is not 352 |
// | tables | headers, spans, empty cells, bold first rows, HTML in Markdown | each row with its columns' names |
// | shown HTML | styles, dialogs, boxes, formulas, tables in cells | as a browser shows it |
// | front matter | YAML, TOML, JSON, and what people write instead | title and metadata; nothing of it in the text |
// | sentences | Hindi, Urdu, Armenian, Japanese, Thai, abbreviations, wrapped lines, lists, logs | each is one unit |
// | PDF | hyphens, repeated feet, columns, tables, bytes behind the end, files cut short | sentences are whole |
// | office files | DOCX, XLSX, EPUB; bombs, macros, passwords | what is shown; a clear error otherwise |
// | markup that costs time | depth, unclosed formatting, attributes | an error at once |

@Suite struct CaseTests {
  private func parse(_ text: String, _ type: String = "text/html") throws -> ParsedDocument {
    try ParsingTests.parser.parse(text, declared: type, scope: "t")
  }

  private func texts(_ document: ParsedDocument) -> [String] {
    document.blocks.map { String(decoding: document.text[$0.range], as: UTF8.self) }
  }

  private func read(_ text: String, _ type: String = "text/html") throws -> [String] {
    texts(try parse(text, type))
  }

  private func error(_ text: String, _ type: String = "text/html") -> ParsingError? {
    do { _ = try parse(text, type) } catch let error as ParsingError { return error } catch {}
    return nil
  }

  @Test(
    "HTML5: text is read in every element, with tags left out, in accordions and closed details",
    arguments: [
      "<!doctype html><title>T</title><main><p>Gate 7.</p></main>", "<article><p>Gate 7.</article>",
      "<html><x-card><p>Gate 7.</p></x-card>", "<p>Gate 7.", "<header>Top</header><main>Gate 7.</main>",
      "<details><summary>Gate 7.</summary></details>", "<h2><button>Gate 7.</button></h2>",
      "<button>Gate 7.</button><div>x</div>", "<section><dialog open>Gate 7.</dialog></section>",
      "<main><template>no</template>Gate 7.</main>", "<search><output>Gate 7.</output></search>",
    ])
  func html5(_ page: String) throws {
    let all = try read(page).filter { $0.contains("Gate 7.") }
    #expect(all.count == 1, "\(all)")
  }

  @Test(
    "text that a browser does not show is left out",
    arguments: [
      "<p hidden>X</p>", "<p style='display: none'>X</p>", "<p style='color:red;visibility:hidden'>X</p>",
      "<style>.s{display:none}</style><p class='a s'>X</p>",
      "<style>#s { display : none ; }</style><p id=s>X</p>",
      "<style>/* x */ aside, em{visibility:hidden}</style><em>X</em>", "<template><p>X</p></template>",
      "<script>X</script>", "<style>X</style>", "<noscript>X</noscript>",
      "<select><option>X</option></select>",
      "<span style='font-size:0'>X</span>", "<div hidden><p>a<b>X</b></div>", "<svg><text>X</text></svg>",
      "<p style='display:none !important'>X</p>", "<!-- X -->", "<textarea>X</textarea>",
    ])
  func hidden(_ part: String) throws {
    #expect(try read("<p>seen</p>\(part)<p>seen too</p>") == ["seen", "seen too"])
  }

  @Test(
    "styles that hide nothing on the screen hide no text",
    arguments: [
      "<style>@media print{.s{display:none}}</style><p class=s>X</p>",
      "<style>.s{display:none}.s{display:block}</style><p class=s>X</p>",
      "<style>p{display:none}</style><p style='display:block'>X</p>", "<p style='opacity:0.5'>X</p>",
      "<style>.s .t{display:none}</style><p class=t>X</p>", "<p style='font-size:0.9em'>X</p>",
    ])
  func shown(_ part: String) throws { #expect(try read("<div>a</div>" + part).contains("X")) }

  @Test("margins of a page are left out beside main or article, and read inside of them")
  func margins() throws {
    let page =
      "<header>Menu</header><nav>Links</nav><main><header>Warning</header><p>Text</p></main><footer>Foot</footer>"
    #expect(try read(page) == ["Warning", "Text"])
    #expect(try read("<header>Menu</header><p>Text</p><footer>Foot</footer>") == ["Menu", "Text", "Foot"])
    #expect(try read("<article>A<aside>Careful</aside></article><aside>Ad</aside>") == ["A", "Careful"])
  }

  @Test("lists keep their numbers, and know how many items they have")
  func lists() throws {
    let nested = "<ol start=3><li>a<ol type=a><li>b<li>c</ol><li value=9>d</ol><ol reversed><li>e<li>f</ol>"
    #expect(try read(nested) == ["3. a", "a. b", "b. c", "9. d", "2. e", "1. f"])
    #expect(try read("<ol type=I><li>a<li>b</ol><ul><li>c</ul>") == ["I. a", "II. b", "c"])
    #expect(try read("7. a\n8. b\n   1. c\n", "text/markdown") == ["7. a", "8. b", "1. c"])
    #expect(
      try parse("1. a\n2. b\n3. c\n", "text/markdown").blocks.map(\.context).allSatisfy { $0.contains("3") })
    #expect(try read("<ol start=99999999999999999999><li>a</ol>") == ["1. a"])
  }

  @Test("raised and lowered digits stay apart from numbers")
  func raised() throws {
    #expect(
      try read("<p>35<sup>2</sup> m, H<sub>2</sub>O, the 1<sup>st</sup>, 10<sup>-3</sup>") == [
        "35² m, H₂O, the 1st, 10⁻³"
      ])
    #expect(try read("<table><tr><td>35<sup>2</sup></table>") == ["35²"])
  }

  @Test("pre keeps its lines, entities are read, and deeply nested markup is refused at once")
  func markup() throws {
    #expect(try read("<pre>a\n  b</pre>") == ["a\n  b"])
    #expect(try read("<p>&lt;&nbsp;16 &amp; &euro;5 &#x41;") == ["< 16 & €5 A"])
    for costly in ["<div>", "<p><b>", "<b><div></b>", "<div><table><td></div>", "<a><table>", "<svg><desc>"] {
      #expect(error("<html>" + String(repeating: costly, count: 20_000))?.code == .tooComplex, "\(costly)")
    }
    #expect(error("<p " + (0..<2000).map { "a\($0)=1" }.joined(separator: " ") + ">x")?.code == .tooComplex)
  }

  @Test(
    "a row is a block that keeps its columns, and knows their names",
    arguments: [
      ("<table><tr><th>Part<th>Days<tr><td>P-1<td>12</table>", ["P-1 | 12"], "Part | Days"),
      ("<table><thead><tr><td>Part<td>Days</thead><tr><td>P-1<td>12</table>", ["P-1 | 12"], "Part | Days"),
      (
        "<table><tr><th>A<th>B<th>C<tr><td><td>x<td><tr><td>y<td><td>z</table>", [" | x", "y |  | z"],
        "A | B | C"
      ),
      (
        "<table><tr><th rowspan=2>Z<th colspan=2>P<tr><th>d<th>n<tr><td>A<td>1<td>2</table>", ["A | 1 | 2"],
        "Z | P d | P n"
      ),
      ("<table><tr><th>A<th>B<tr><td rowspan=2>x<td>1<tr><td>2</table>", ["x | 1", "x | 2"], "A | B"),
      (
        "<table><tr><td>Part<td>Days<tr><td>P-1<td>12<tr><td>P-2<td>9</table>", ["P-1 | 12", "P-2 | 9"],
        "Part | Days"
      ),
      (
        "<table><tr><td><b>A</b><td><b>B</b><tr><td>x<td>y<tr><td>z<td>w</table>", ["x | y", "z | w"], "A | B"
      ),
      ("<table><tr><th>A<th>B<tr><td>one<br>two<td><ul><li>x<li>y</ul></table>", ["one two | x; y"], "A | B"),
    ])
  func tables(_ page: String, _ rows: [String], _ header: String) throws {
    let document = try parse(page)
    #expect(texts(document) == rows)
    #expect(document.blocks.allSatisfy { $0.kind == .row && $0.context == header })
    // As raw HTML in Markdown, the table gives the same rows.
    let inMarkdown = try parse("# T\n\n\(page)\n", "text/markdown")
    #expect(texts(inMarkdown).dropFirst() == rows[...])
  }

  @Test("tables that only arrange a page are read as text, not as rows")
  func layoutTables() throws {
    #expect(try read("<table><tr><td><h1>T</h1><p>a</p><td>b</table>") == ["T", "a", "b"])
    let nested = try parse("<table><tr><td>x<table><tr><th>A<th>B<tr><td>1<td>2</table></table>")
    #expect(texts(nested) == ["x", "1 | 2"] && nested.blocks.last?.context == "A | B")
  }

  @Test("Markdown: tables, footnotes where they are used, raw HTML, entities and breaks are read")
  func markdown() throws {
    let table = try parse("| Part | Days |\n|---|---|\n| P-1 | 12 |\n", "text/markdown")
    #expect(texts(table) == ["P-1 | 12"] && table.blocks[0].context == "Part | Days")
    #expect(try read("Stop[^1] now.\n\n[^1]: At gate 7.\n", "text/markdown") == ["Stop (At gate 7.) now."])
    #expect(
      try read("Stay &lt;&nbsp;16.<br>Now<script>x</script>\n\n<div hidden>no</div>\n", "text/markdown")
        == ["Stay < 16.\nNow"])
  }

  @Test(
    "HTML is read as it is shown: blocks by style, dialogs, check boxes, formulas, tables in cells, ruby",
    arguments: [
      (
        #"<p><span style="display:block">One.</span><span style="display: block">Two.</span></p>"#,
        ["One.", "Two."]
      ),
      (
        "<style>.line{display:block}</style><p><span class=line>One.</span><span class=line>Two.</span>",
        ["One.", "Two."]
      ),
      ("<p>Shown.</p><dialog>Closed.</dialog><div popover>Menu.</div>", ["Shown."]),
      (
        "<ul><li><input type=checkbox checked disabled> Keys<li><input type=checkbox> Lamp</ul>",
        ["[x] Keys", "[ ] Lamp"]
      ),
      ("<p>At most <math><mfrac><mn>1</mn><mn>2</mn></mfrac></math> full.", ["At most 1/2 full."]),
      ("<p>Area <math><msup><mi>r</mi><mn>2</mn></msup></math>.", ["Area r^2."]),
      ("<p>So <math alttext='E = mc^2'><mi>E</mi></math>", ["So E = mc^2"]),
      ("<p><ruby>門<rp>(</rp><rt>もん</rt><rp>)</rp></ruby>は九時", ["門は九時"]),
      (
        "<table><tr><th>Sluice<th>Levels<tr><td>East<td>"
          + "<table><tr><td>low<td>2.1 m<tr><td>high<td>4.4 m</table></table>",
        ["East | low, 2.1 m; high, 4.4 m"]
      ),
      ("<table><tr><td><table><tr><td>a<td>1</table><td>b</table>", ["a | 1", "b"]),
      (
        "<p>Monday: closed<br>Tuesday: 9 to 5<br>Wednesday: 9 to 12</p>",
        [
          "Monday: closed\nTuesday: 9 to 5\nWednesday: 9 to 12"
        ]
      ),
      ("<p>A long text that<br>goes on.</p>", ["A long text that goes on."]),
      ("<p>Super&shy;cali", ["Supercali"]),
      ("<p>Country: <select><option>Norway<option selected>Sweden</select>", ["Country: Sweden"]),
      ("<style>ol.none{list-style:none}</style><ol class=none><li>Apple</ol>", ["Apple"]),
      (#"<ol style="list-style-type:lower-roman"><li>A<li>B</ol>"#, ["i. A", "ii. B"]),
      ("<p>So <math><msqrt><mi>x</mi></msqrt></math>, and", ["So √(x), and"]),
    ])
  func shown(_ page: String, _ expected: [String]) throws {
    let found = try read(page)
    #expect(found == expected, "\(found)")
  }

  @Test(
    "front matter gives title and metadata, and is not text",
    arguments: [
      """
      ---
      title: "T: x"
      id: 346218760129241551
      tags: [a, 'b c', 3]
      list:
        - x
        - y
      draft: true # not yet
      deep:
        a: 1
      ---
      Text.
      """,
      """
      +++
      title = "T: x"
      id = 346218760129241551
      tags = ["a", "b c", 3]
      list = ["x", "y"]
      draft = true
      [deep]
      a = 1
      +++
      Text.
      """,
      """
      {
      "title": "T: x", "id": 346218760129241551, "tags": ["a", "b c", 3], "list": ["x", "y"],
      "draft": true, "deep": {"a": 1}
      }
      Text.
      """,
    ])
  func frontMatter(_ page: String) throws {
    let document = try parse(page, "text/markdown")
    #expect(texts(document) == ["Text."] && document.title == "T: x")
    #expect(
      document.metadata == [
        "id": .number(ExactNumber("346218760129241551")!), "draft": .bool(true),
        "tags": .list([.string("a"), .string("b c"), .number(ExactNumber("3")!)]),
        "list": .list([.string("x"), .string("y")]),
      ])
    #expect(
      try read("---\n\nA line, and no front matter.", "text/markdown") == ["A line, and no front matter."])
  }

  @Test(
    "HTML: comments before the page, print styles, numbered headings and buttons are read as shown",
    arguments: [
      ("<!-- x --><!doctype html><main><p>Gate 7</main>", ["Gate 7"]),
      ("<style media=print>.n{display:none}</style><p class=n>Gate 7", ["Gate 7"]),
      ("<nav>Gate 7</nav>", ["Gate 7"]), ("<nav>Menu</nav><main>Gate 7</main>", ["Gate 7"]),
      ("<p hidden=false>No</p><p>Gate 7", ["Gate 7"]),
      ("<ol><li><h3>Open</h3><p>Turn it.</ol>", ["1. Open", "Turn it."]),
      ("<ol><li><pre>make</pre><p>Then wait.</ol>", ["1. make", "Then wait."]),
      ("<button>Gate 7</button><button>30 min</button>", ["Gate 7 30 min"]),
    ])
  func issueReader(_ page: String, _ expected: [String]) throws {
    let found = try read(page)
    #expect(found == expected, "\(found)")
  }

  @Test(
    "markup that tries to hide its depth from our own check is refused at once",
    arguments: [
      "<p><!-->" + String(repeating: "<div>", count: 20_000),
      "<p><!--->" + String(repeating: "<div>", count: 20_000),
      "<p><!-- --!>" + String(repeating: "<div>", count: 20_000),
      String(repeating: "<form><div></form>", count: 20_000),
      "<svg><p>" + String(repeating: "<div/>", count: 20_000),
      "<svg><title>" + String(repeating: "<div>", count: 20_000),
    ])
  func hiddenDepth(_ page: String) {
    #expect(error(page)?.code == .tooComplex, "\(page.prefix(20)): \(String(describing: error(page)))")
  }

  @Test("deeply nested blocks of a style sheet neither crash the reader nor take long")
  func deepStyles() throws {
    let sheet =
      String(repeating: "@supports (a:b){", count: 50_000) + ".x{display:block}"
      + String(repeating: "}", count: 50_000)
    let page = "<style>\(sheet) .y{display:none}</style><p class=x>Gate 7</p><p class=y>Gate 8</p>"
    // The reader has a time limit.
    #expect(try read(page) == ["Gate 7"])
  }

  @Test(
    "a long CSV row is cut at its fields, each piece has the first one as context; lines of a log are units")
  func longRows() throws {
    let fields = (0..<200).map { "field\($0) of the row" }
    let header = (0..<200).map { "name\($0)" }.joined(separator: ",")
    let page = header + "\n" + (["Pump 7"] + fields.dropFirst()).joined(separator: ",") + "\n"
    let document = try parse(page, "text/csv; header=present")
    let chunker = Chunker(
      tokenizer: try WordPieceTokenizer(path: Checkout.model + "/vocab.txt"), tokensMax: 64, overlapTokens: 0)
    let chunks = try chunker.chunks(of: document).chunks
    #expect(chunks.count > 5)
    for chunk in chunks.dropFirst() {
      #expect(
        chunk.context.contains("Pump 7") && chunk.text.hasPrefix("field"), "\(chunk.context): \(chunk.text)")
    }
    #expect(try parse("INFO a\nWARN b", "text/x-log").blocks.map(\.kind) == [.code])
  }

  @Test("Markdown: footnotes that are used twice and pipes in cells are read")
  func markdownDetails() throws {
    #expect(
      try read("Text[^1] more.\n\nAgain[^1] here.\n\n[^1]: Only one sentence", "text/markdown") == [
        "Text (Only one sentence) more.", "Again (Only one sentence) here.",
      ])
    #expect(
      try read("| command | does |\n|---|---|\n| `ls \\| wc -l` | counts |", "text/markdown") == [
        "ls | wc -l | counts"
      ])
  }

  @Test("tables: titles above a CSV header, single rows and Windows-1252 are read")
  func tableDetails() throws {
    let stock = try parse("Stock levels\n\nSKU,Name,Qty\nA1,Bolt,100\nA2,Nut,250", "text/csv")
    #expect(
      texts(stock) == ["Stock levels", "A1,Bolt,100", "A2,Nut,250"]
        && stock.blocks[1].context == "SKU | Name | Qty")
    let single = try parse("<table><tr><td>When<td>Price<tr><td>2026-12-24<td>12.50</table>")
    #expect(texts(single) == ["2026-12-24 | 12.50"] && single.blocks[0].context == "When | Price")
    let pair = try parse("<table><tr><td>Owner<td>Ida<tr><td>Order no.<td>4711</table>")
    #expect(texts(pair) == ["Owner | Ida", "Order no. | 4711"])
    let bytes: [UInt8] =
      Array("Region,2023,2024\nNord,1 ".utf8) + [0x80] + Array(",2 ".utf8) + [0x80]
      + Array("\nS".utf8) + [0xFC] + Array("d,4 ".utf8) + [0x80] + Array(",5\n".utf8)
    let euro = try ParsingTests.parser.parse(bytes, declared: "text/csv", scope: "t")
    #expect(texts(euro) == ["Nord,1 €,2 €", "Süd,4 €,5"] && euro.blocks[0].context == "Region | 2023 | 2024")
  }

  @Test(
    "front matter is read as people write it: colons, escapes, aliases, lists and texts over several lines",
    arguments: [
      ("---\ntitle: Gates: a guide\nowner: Ines\n---\nText.", "Gates: a guide", ["owner": "Ines"]),
      (
        #"---\#ntitle: "Gates \"north\""\#nowner: 'It''s Ines'\#n---\#nText."#, #"Gates "north""#,
        ["owner": "It's Ines"]
      ),
      (
        "---\ntitle: >-\n  Gates\n  of the yard\nowner: &a Ines\nsecond: *a\n---\nText.", "Gates of the yard",
        ["owner": "Ines", "second": "Ines"]
      ),
      (
        #"+++\#ntitle = "Gates \u00e9"\#nowner = 'C:\x'\#ntags = [\#n]\#n+++\#nText."#, "Gates é",
        ["owner": #"C:\x"#]
      ),
      ("+++\ntitle = \"\"\"\nGates\"\"\"\nowner = \"a # b\" # c\n+++\nText.", "Gates", ["owner": "a # b"]),
    ])
  func frontMatterVariants(_ page: String, _ title: String, _ fields: [String: String]) throws {
    let document = try parse(page, "text/markdown")
    #expect(texts(document) == ["Text."] && document.title == title, "\(document.title)")
    #expect(document.metadata == fields.mapValues { .string($0) }, "\(document.metadata)")
  }

  @Test("front matter that would expand to billions of values is left out at once")
  func frontMatterBomb() throws {
    var lines = ["---", "title: T", "a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    for level in 1...12 {
      lines.append(
        "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",") + "]")
    }
    let document = try parse((lines + ["---", "Text."]).joined(separator: "\n"), "text/markdown")
    #expect(texts(document) == ["Text."])
  }

  @Test(
    "sentences are split correctly in many scripts",
    arguments: [
      ("रात का पहरेदार दस बजे आता है। वह छह बजे जाता है।", 2), ("گودام نو بجے کھلتا ہے۔ چھ بجے بند ہوتا ہے۔", 2),
      ("Պահակը գալիս է տասին։ Նա գնում է վեցին։", 2), ("門は九時に開く。「六時に閉まる。」と言った。", 2),
      ("Dr. Novak comes at nine. He leaves at six.", 2), ("Use e.g. gate 7. It is open.", 2),
      ("Install v1.29.3. Then restart.", 2), ("Read config.yaml first. Then go.", 2),
      ("The gate\nopens at nine\nand closes. It is shut\nat night.", 2),
      ("1. Open the valve. Wait.\n2. Close it.", 3),
      ("- one\n- two\n- three", 3), ("ประตูเปิดเวลาเก้าโมง ปิดเวลาหกโมง", 2), ("What? No! Yes.", 3),
      ("no stop\n\nnext block", 2), ("a\r\n\r\nb", 2),
    ])
  func sentences(_ text: String, _ count: Int) {
    let bytes = Array(text.utf8)
    let found = SentenceSplitter.sentences(in: bytes, 0..<bytes.count).map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
    #expect(found.count == count, "\(found)")
  }

  @Test(
    "sentences end at line ends and after notes and units, but not in speech, links and dates",
    arguments: [
      (
        "The tank holds 40 litres.\nFill it weekly.\nUse clean\nwater.",
        [
          "The tank holds 40 litres.", "Fill it weekly.",
          "Use clean\nwater.",
        ]
      ),
      ("Sales fell.[1] Costs rose.² All ended.", ["Sales fell.[1]", "Costs rose.²", "All ended."]),
      (
        "Open https://x.org/search?q=1&p=2 in a browser.", ["Open https://x.org/search?q=1&p=2 in a browser."]
      ),
      ("“Why?” he asked. “Go!” Then he left.", ["“Why?” he asked.", "“Go!”", "Then he left."]),
      ("「本当ですか？」と田中さんは聞きました。はい。", ["「本当ですか？」と田中さんは聞きました。", "はい。"]),
      (
        "He moved in Jan. 2024. She came in Feb. 2025.", ["He moved in Jan. 2024.", "She came in Feb. 2025."]
      ),
      (
        "At 9 a.m. Monday we start. It ends at 5 p.m. Bring food.",
        [
          "At 9 a.m. Monday we start.", "It ends at 5 p.m.",
          "Bring food.",
        ]
      ),
      (
        "It took 3 min. The lift is old. Use 5 K. Then stop.",
        [
          "It took 3 min.", "The lift is old.", "Use 5 K.",
          "Then stop.",
        ]
      ),
      ("Use small tiles. 1st floor only.", ["Use small tiles.", "1st floor only."]),
      (
        "Er kam am 5. März. Der 2. Stock ist leer. Das gilt ab dem 1. Januar. Vgl. Abschn. 4.",
        [
          "Er kam am 5. März.",
          "Der 2. Stock ist leer.", "Das gilt ab dem 1. Januar.", "Vgl. Abschn. 4.",
        ]
      ),
      (
        "EE. UU. firmó. Véase pág. 4. Abre a las 10.30 h. ¿Cuánto cuesta?",
        [
          "EE. UU. firmó.", "Véase pág. 4.",
          "Abre a las 10.30 h.", "¿Cuánto cuesta?",
        ]
      ),
      ("Офис на ул. Ленина. Он открыт.", ["Офис на ул. Ленина.", "Он открыт."]),
      ("II. Close the tap.", ["II. Close the tap."]), ("aa. Close the tap.", ["aa. Close the tap."]),
      ("The price (net. After tax.) is due. Pay it.", ["The price (net. After tax.) is due.", "Pay it."]),
      (
        "Acme Inc. Ltd. sold it. Acme Inc. The firm grew.",
        ["Acme Inc. Ltd. sold it.", "Acme Inc.", "The firm grew."]
      ),
      ("[!NOTE] Save often.", ["[!NOTE] Save often."]), ("2) second\na) alpha", ["2) second", "a) alpha"]),
      ("J. Novak met A. Lind. They left.", ["J. Novak met A. Lind.", "They left."]),
    ])
  func readersSentences(_ text: String, _ expected: [String]) {
    let bytes = Array(text.utf8)
    let found = SentenceSplitter.sentences(in: bytes, 0..<bytes.count).map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
    #expect(found == expected, "\(found)")
  }

  @Test("lines of a configuration and of a mail's header are units")
  func fields() throws {
    for text in [
      "listen = 0.0.0.0:80\ntimeout = 30 ; seconds\nname = \"Mill. Race\"",
      "From: a@x.org\nTo: b@x.org\nSubject: Gate 7",
      "[server]\nport=80\n# off\nhost=x",
    ] { #expect(try parse(text, "text/plain").blocks.map(\.kind) == [.code], "\(text)") }
    #expect(try parse("Note: the gate\nopens at nine.", "text/plain").blocks.map(\.kind) == [.prose])
  }

  @Test("lines of a log are units, whatever the times look like")
  func logs() throws {
    for line in [
      "2026-05-01 00:00:00.000 INFO gate", "[01/May/2026:10:00:00 +0000] GET /", "2026-05-01T10:00:00Z gate",
      "<34>Oct 11 22:14:15 host gate", "10:15:32.123 gate",
    ] {
      let text = (0..<5).map { "\(line) \($0)" }.joined(separator: "\n")
      #expect(try parse(text, "text/plain").blocks.map(\.kind) == [.code], "\(line)")
    }
    #expect(try parse("The gate opens at 9.\nIt closes at 6.", "text/plain").blocks.map(\.kind) == [.prose])
    let traces = """
      2026-05-01 10:00:00 ERROR pump stopped
      java.lang.IllegalStateException: no water
      \tat yard.Pump.run(Pump.java:12)
      \tat yard.Main.main(Main.java:3)
      Caused by: java.io.IOException: closed
      \t... 7 more
      2026-05-01 10:00:05 INFO pump starts
      """
    #expect(try parse(traces, "text/plain").blocks.map(\.kind) == [.code])
  }

  @Test(
    "CSV: dialects, quotes and headers are recognised, and the text stays unchanged",
    arguments: [
      ("name,ext\nInes,4776\nBo,4480\n", "text/csv", ["Ines,4776", "Bo,4480"], "name | ext"),
      ("name;ext\r\nInes;4776\r\n\r\nBo;4480\r\n", "text/csv", ["Ines;4776", "Bo;4480"], "name | ext"),
      ("name\text\nInes\t4776\n", "text/tab-separated-values", ["Ines\t4776"], "name | ext"),
      ("Ines,4776\nBo,4480\n", "text/csv", ["Ines,4776", "Bo,4480"], ""),
      ("a,b\nc,d\n", "text/csv; header=absent", ["a,b", "c,d"], ""),
      ("1,2\n3,4\n", "text/csv; header=present", ["3,4"], "1 | 2"),
      (
        "name,note\nInes,\"two\nlines, \"\"x\"\"\"\nBo,y\n", "text/csv",
        ["Ines,\"two\nlines, \"\"x\"\"\"", "Bo,y"], "name | note"
      ),
      ("\u{FEFF}name,ext\nInes,4776\n", "text/csv", ["Ines,4776"], "name | ext"),
    ])
  func separatedValues(_ text: String, _ type: String, _ rows: [String], _ header: String) throws {
    let document = try parse(text, type)
    #expect(texts(document) == rows)
    #expect(document.blocks.allSatisfy { $0.context == header }, "\(document.blocks.map(\.context))")
  }

  @Test("fragments of pages, captions, combined styles, XHTML and horizontal rules are read")
  func stranger() throws {
    #expect(try read("Hello <b>world</b><br>x") == ["Hello world x"])
    #expect(
      try read("<table><caption>Prices</caption><tr><th>A<th>B<tr><td>1<td>2</table>") == ["Prices", "1 | 2"])
    #expect(
      try read("<style>.p{display:none}.p.open{display:block}</style><p class='p open'>Shown") == ["Shown"])
    #expect(
      try read("<style>.d{display:none}@media (min-width:600px){.d{display:block}}</style><p class=d>Shown")
        == ["Shown"])
    #expect(
      try read(
        "<?xml version='1.0'?><html><head><script src='a.js'/><title/></head><body><p>Text</p></body></html>")
        == ["Text"])
    #expect(
      try read("---\n\nSome intro text.\n\n---\n\nMore text.", "text/markdown") == [
        "Some intro text.", "More text.",
      ])
    #expect(
      try parse("<table><tr><td>Region<td>Q1<tr><td>North<td>5<tr><td>South<td>7</table>").blocks[0].context
        == "Region | Q1")
  }

  @Test(
    "text that is made to be slow is not split in quadratic time",
    arguments: ["\n", "\r\n", " \n", "\n\u{A0}", "- \n", "1. ", "a. ", "\u{300C}", "ก ", "A.", "\n\t"])
  func costlyText(_ piece: String) async {
    let bytes = Array(String(repeating: piece, count: 400_000).utf8)
    let time = await BlockingCalls(name: "split").run {
      ProcessorTime.measure { _ = SentenceSplitter.sentences(in: bytes, 0..<bytes.count) }
    }
    // Quadratic time would be hours.
    #expect(time < .seconds(60), "\(piece.debugDescription): \(time)")
  }

  @Test("text with very much white space, or many blocks or marks, is not read in quadratic time")
  func costlyPlainText() async {
    let spaces = String(repeating: " ", count: 512 << 10) + String(repeating: "co. X ", count: 87_000)
    let (blocks, marks) = (
      String(repeating: "a\n\n", count: 500_000), String(repeating: "!‰", count: 100_000)
    )
    let time = await BlockingCalls(name: "split").run {
      ProcessorTime.measure {
        for text in [spaces, marks] {
          let bytes = Array(text.utf8)
          _ = SentenceSplitter.sentences(in: bytes, 0..<bytes.count)
        }
        _ = PlainText.parse(blocks)
      }
    }
    // Quadratic time would be hours.
    #expect(time < .seconds(120), "\(time)")
  }

  @Test("nested footnotes, style blocks and long lists are limited; a hash like a number stays a string")
  func nestedSources() throws {
    var notes = "Text[^1].\n\n[^1]: x\n"
    for number in 2...40 { notes += "\n[^\(number)]: [^\(number - 1)] and [^\(number - 1)]\n" }
    notes += "\nMore[^40].\n"
    #expect(try parse(notes, "text/markdown").text.count < 10_000)
    let styles = "<style>" + String(repeating: "@a{", count: 20_000) + "</style><p>Shown."
    #expect(try read(styles) == ["Shown."])
    let list = (0..<1001).map { "\($0)" }.joined(separator: ", ")
    let page = try parse("---\nid: 12e345\ntags: [\(list)]\n---\nText.", "text/markdown")
    #expect(page.metadata["id"] == .string("12e345"))
    guard case .list(let tags)? = page.metadata["tags"] else {
      Issue.record("no list")
      return
    }
    #expect(tags.count == MetadataValue.listMax)
  }

  @Test("spans that ask for millions of cells, unclosed formatting, nested raised text and ruby are bounded")
  func amplification() throws {
    let wide =
      "<table><tr>" + String(repeating: "<td rowspan=65534>x", count: 1000)
      + String(repeating: "<tr><td>y", count: 12_000) + "</table>"
    #expect(try parse(wide).blocks.count > 12_000)
    for costly in ["<rt>", "<div><b a1></div>", "<rb>", "<optgroup>"] {
      #expect(error("<html>" + String(repeating: costly, count: 20_000))?.code == .tooComplex, "\(costly)")
    }
    let raised = String(repeating: "<sup>", count: 300) + String(repeating: "x", count: 100_000)
    #expect(try parse("<p>" + raised).text.count >= 100_000)
  }

  // MARK: files

  private func file(_ path: String, _ declared: String = "") throws -> ParsedDocument {
    try ParsingTests.parser.parse(
      Array(try Data(contentsOf: URL(fileURLWithPath: path))), declared: declared, scope: "t")
  }

  private static let files = Checkout.path + "/Tests/Files/"

  @Test("DOCX: headings, numbers, tables, raised digits; changes accepted, hidden text left out")
  func docx() throws {
    let document = try file(Self.files + "gate.docx")
    let text = texts(document)
    #expect(document.title == "Gate manual")
    for expected in [
      "The north gate opens at 05:45 on weekdays.", "1. Unlock the panel.", "3. Wait for the lamp.",
      "Hinge | Ostrava Steel | 12 days", "The code is 4417.", "The guard comes at eight in the evening.",
      "The yard is 35 m² large.",
    ] {
      #expect(text.contains(expected), "\(expected) in \(text)")
    }
    for absent in ["9999", "seven", "Confidential"] { #expect(!text.joined().contains(absent)) }
    let row = try #require(document.blocks.first { $0.kind == .row })
    #expect(row.context == "Part | Supplier | Lead time" && row.headingPath.last == "Spare parts")
  }

  @Test("DOCX: headings and items have the numbers that are shown; a table in a cell is the cell's text")
  func docxNumbers() throws {
    let document = try file(Self.files + "sluices.docx")
    let text = texts(document)
    for expected in [
      "1.1 Sluices", "2.1 At night", "Step 1: Close the gate.", "1b) Pull the bolt.",
      "Step 2: Report to the desk.",
      "Step 5: Open the gate.", "East | low, 2.1 m; high, 4.4 m",
    ] { #expect(text.contains(expected), "\(expected) in \(text)") }
    #expect(document.blocks.first { $0.context == "numbered list of 2" } != nil)
    #expect(document.blocks.last?.context == "Sluice | Levels")
  }

  @Test("XLSX: merged cells count for all their rows and columns; titles and years are recognised")
  func xlsxMerged() throws {
    let document = try file(Self.files + "freight.xlsx")
    #expect(
      texts(document) == [
        "Freight", "Freight by quarter", "North | 10 | 12 | 14 | 15", "North | 20 | 21 | 22 | 23",
        "South | 30 | 31 | 32 | 33", "Years", "Staff | 41 | 44 | 48", "Trains | 7 | 8 | 8",
      ])
    #expect(document.blocks[2].context == "Yard | Q1 Plan | Q1 Actual | Q2 Plan | Q2 Actual")
    #expect(document.blocks[7].context == " | 2022 | 2023 | 2024")
  }

  @Test("PDF: a cell of several lines is one cell, wherever it stands in its row")
  func wrappedCells() throws {
    let document = try file(Self.files + "wrapped.pdf")
    #expect(
      texts(document) == [
        "What may be carried",
        "Hand luggage | One piece that fits below the seat, and a coat that is carried over the arm | 8 kg",
        "Folding bicycle with its bag closed at all times | Only outside rush hours | 12 kg",
        "Pram | Always free; it stands in the marked area beside the second door of the car | none",
        "Ask the guard when in doubt.",
      ])
    #expect(document.blocks[2].context == "Item | Rule | Limit")
  }

  @Test("PDF: items, exponents, compounds, cells of two lines, group names and several tables are read")
  func pdfDetails() throws {
    let document = try file(Self.files + "checks.pdf")
    let text = texts(document)
    for expected in [
      "1. Check the oil.", "2. Check the tyres.", "• front",
      "The tank holds 20 m³ and the air holds CO₂ too.",
      "The plan is a long-term one for well-known yards, and maintenance goes on.",
      "Maria Gonzalez de la Torre y Fernandez | 1990-02-03 | 81", "Home", "M | 100 Mbit/s | 29.90",
      "Invoice | 4417", "2 | Nut | 250 | 8.00",
    ] { #expect(text.contains(expected), "\(expected) in \(text)") }
    func context(_ row: String) -> String? {
      text.firstIndex(of: row).map { document.blocks[$0].context }
    }
    #expect(context("Bo Lind | 1985-11-30 | 82") == "Applicant | Born | No.")
    #expect(context("L | 500 Mbit/s | 59.90") == "Tariff | Speed | Fee")
    #expect(context("1 | Bolt | 100 | 12.00") == "Pos | Item | Qty | Amount")
  }

  @Test("DOCX: formulas, paragraphs whose end was deleted, and tables without a header are read")
  func docxDetails() throws {
    let document = try file(Self.files + "contract.docx")
    #expect(
      texts(document) == [
        "The area is A=πr^2.", "The speed is s/t.", "The term is one year from signature.", "Owner | Ida",
        "Backup | Per", "Site | Bonn",
      ])
  }

  @Test(
    "XLSX: tables between empty rows and away from the corner are found; EPUB: its style sheet is applied")
  func dividedTables() throws {
    let document = try file(Self.files + "rates.xlsx")
    #expect(
      texts(document) == [
        "Rates", "Guard | 40", "Driver | 45", "Norway | 0.25", "Chile | 0.19", "Paint", "White | 5",
        "Red | 7",
        "Blue | 9",
      ])
    #expect(document.blocks[3].context == "Country | Tax" && document.blocks[8].context == "Colour | Litres")
    #expect(try texts(file(Self.files + "styled.epub")) == ["Green tea at 80 °C.¹ Black tea at 95 °C."])
  }

  @Test("XLSX: visible cells are read as shown, and a formula without a stored value is named")
  func xlsx() throws {
    let document = try file(Self.files + "staff.xlsx")
    #expect(
      texts(document) == [
        "Staff", "Ines Novak | 4776 | 2024-03-01 | 50.0%", "Bo Lind | 4480 | 2023-11-30 | 12.5%",
        "Sum | =SUM(B2:B3) (no stored value)", "Prices", "A | 1,234.50 EUR", "B | 2.00 EUR",
      ])
    #expect(document.blocks[1].context == "Name | Extension | Since | Share")
  }

  @Test("EPUB: pages are read in the order of the spine, also with empty XHTML elements")
  func epub() throws {
    let document = try file(Self.files + "rules.epub")
    #expect(document.title == "Yard rules")
    #expect(
      texts(document) == [
        "First rule", "Whistle before you reverse.", "Second rule", "The speed limit is 8 km/h.",
      ])
  }

  @Test("files with macros or a password, other archives, RTF and a zip bomb give clear errors")
  func refusedFiles() throws {
    func error(_ bytes: [UInt8]) -> ParsingError? {
      do throws(ParsingError) {
        _ = try ParsingTests.parser.parse(bytes, declared: "", scope: "t")
        return nil
      } catch { return error }
    }
    func bytes(_ name: String) throws -> [UInt8] {
      Array(try Data(contentsOf: URL(fileURLWithPath: Self.files + name)))
    }
    #expect(try error(bytes("macro.docm"))?.rule.contains("macros") == true)
    #expect(try error(bytes("plain.zip"))?.code == .unsupportedMediaType)
    #expect(error([0xD0, 0xCF, 0x11, 0xE0])?.rule.contains("password") == true)
    #expect(error(Array("{\\rtf1 Hello}".utf8))?.rule.contains("RTF") == true)
    // `documents put` sends RTF as text.
    #expect(self.error("{\\rtf1 Hello}", "text/plain")?.rule.contains("RTF") == true)
    #expect(try error(Array(bytes("gate.docx").prefix(20_000)))?.code == .unreadable)
    let python = Process()
    let output = Pipe()
    python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    python.arguments = [
      "python3", "-c",
      """
      import io, sys, zipfile
      b = io.BytesIO()
      with zipfile.ZipFile(b, 'w', zipfile.ZIP_DEFLATED) as z:
          z.writestr('word/document.xml', b'<a>' + b' ' * 150_000_000 + b'</a>')
      sys.stdout.buffer.write(b.getvalue())
      """,
    ]
    python.standardOutput = output
    try python.run()
    #expect(error(Array(output.fileHandleForReading.readDataToEndOfFile()))?.code == .tooLong)
  }

  // MARK: field cases

  private static let cases = (SharedData.root ?? "") + "/data/cases/"

  @Test(
    "the field cases are read", .enabled(if: SharedData.isPresent, "no field cases: MILLRACE_SHARED"),
    arguments: [
      ("02-html-optional-tags/main.html", ["Empty pallets are taken back at gate 7 until 17:30."], []),
      ("02-html-optional-tags/article.html", ["Empty pallets are taken back at gate 7 until 17:30."], []),
      (
        "02-html-optional-tags/custom-element.html", ["Empty pallets are taken back at gate 7 until 17:30."],
        []
      ),
      ("02-html-optional-tags/half.html", ["Empty pallets are taken back at gate 7 until 17:30."], []),
      (
        "02-html-optional-tags/header-then-main.html",
        ["Empty pallets are taken back at gate 7 until 17:30."], []
      ),
      ("05-md-html-table/tariffs.md", ["C | 4 | 3 | 21"], ["ZoneTemperature"]),
      ("05-md-html-table/entities.md", ["Pressure must stay < 16 bar & above 9 bar."], ["&lt;", "script"]),
      ("07-table-header/parts.html", ["P-087"], []),
      ("07-table-header/empty-first-cell.html", ["Monday |  | Ines"], []),
      (
        "11-pdf-lines/sluice.pdf",
        ["only with a second tug at the stern and after the green light.", "maintenance", "writing"],
        ["main-", "wri-"]
      ),
      ("12-hidden-text/invoice-rules.html", ["1182"], ["6666", "7777", "8888"]),
      ("09-pdf-trailing/padded-with-nul.pdf", ["The diesel tank is inspected every 18 months."], []),
      ("09-pdf-trailing/web-page-appended.pdf", ["The diesel tank is inspected every 18 months."], []),
    ])
  func fieldCases(_ path: String, _ present: [String], _ absent: [String]) throws {
    let type = path.hasSuffix(".md") ? "text/markdown" : path.hasSuffix(".html") ? "text/html" : ""
    let document = try file(Self.cases + path, type)
    let text = String(decoding: document.text, as: UTF8.self)
    for expected in present { #expect(text.contains(expected), "\(expected)") }
    for wrong in absent { #expect(!text.contains(wrong), "\(wrong)") }
  }

  @Test(
    "every table row of the field cases has its header as context",
    .enabled(if: SharedData.isPresent, "no field cases: MILLRACE_SHARED"))
  func fieldRows() throws {
    for (path, type) in [
      ("07-table-header/parts.html", "text/html"), ("07-table-header/parts.md", "text/markdown"),
      ("08-csv-rows/phones.csv", "text/csv"), ("08-csv-rows/real-country-codes.csv", "text/csv"),
    ] {
      let rows = try file(Self.cases + path, type).blocks.filter { $0.kind == .row }
      #expect(rows.count >= 20 && rows.allSatisfy { $0.context.contains(" | ") }, "\(path): \(rows.count)")
    }
  }

  @Test("a truncated PDF is refused")
  func cutShort() throws {
    let path = Checkout.path + "/Workers/Millrace/Demo/handbook/radio.pdf"
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    for length in [bytes.count - 10, bytes.count / 2] {
      do throws(ParsingError) {
        _ = try ParsingTests.parser.parse(Array(bytes.prefix(length)), declared: "", scope: "t")
        Issue.record("half a document must not look like a whole one")
      } catch { #expect(error.code == .badPDF) }
    }
  }
}
