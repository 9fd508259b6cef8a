/// What a browser would not show: elements without visible text, the attribute `hidden`, inline styles, and the rules
/// of `style` elements whose selector is one element, class or id. Also which elements styles turn into blocks, and the
/// marks of lists.
struct HTMLVisibility {
  /// Scripts, styles, media, and values of controls.
  private static let ignored: Set<String> = [
    "script", "style", "noscript", "template", "svg", "head", "iframe", "object", "embed",
    "datalist",
    "textarea", "canvas", "audio", "video", "annotation", "annotation-xml", "title", "rt", "rp", "rtc",
  ]
  private static let rulesMax = 10_000

  /// By selector (`td`, `.note`, `#map`), whether it is hidden. The last rule of a selector wins.
  private var rules: [String: Bool] = [:]
  /// Selectors that make an element a block: `span`, `.line`.
  private var blockRules: Set<String> = []
  /// By selector (`ol`, `.steps`), the marks of a list: `none`, `lower-roman`.
  private var listRules: [String: String] = [:]
  /// Selectors that are shown by a rule that isn't applied: one with a combined selector, or one in a block like
  /// `@media`. They do not count as hidden.
  private var shownSomewhere: Set<String> = []

  /// - Parameter sheets: rules that come before those of the page.
  init(_ root: HTMLNode, after sheets: HTMLVisibility?) {
    if let sheets { self = sheets }
    var styles: [HTMLNode] = []
    root.walk { node in
      // Skip styles for other media, such as print.
      let media = node.attribute("media")?.lowercased() ?? ""
      if node.name == "style", media.isEmpty || media.contains("all") || media.contains("screen") {
        styles.append(node)
      }
      return node.name != "script"
    }
    for style in styles { read(style.child?.content ?? "", depth: 0) }
    for name in shownSomewhere where rules[name] == true { rules[name] = nil }
  }

  init(sheet: String) { read(sheet, depth: 0) }

  func isHidden(_ node: HTMLNode, _ name: String) -> Bool {
    if Self.ignored.contains(name) { return true }
    if let hidden = node.attribute("hidden"), hidden.lowercased() != "until-found" { return true }
    // Scripts open dialogs and popovers.
    if name == "dialog", node.attribute("open") == nil { return true }
    if node.attribute("popover") != nil { return true }
    if let style = node.attribute("style"), let isHidden = Self.hides(style) { return isHidden }
    guard !rules.isEmpty else { return false }
    // As in CSS, an id counts more than a class, and a class more than an element.
    if let id = node.attribute("id"), let isHidden = rules["#" + id] { return isHidden }
    let classes = (node.attribute("class") ?? "").split(whereSeparator: \.isWhitespace)
    let found = classes.compactMap { rules["." + $0] }
    if !found.isEmpty { return found.contains(true) }
    return rules[name] ?? false
  }

  /// Whether a style makes the element a block.
  func isBlock(_ node: HTMLNode, _ name: String) -> Bool {
    if let style = node.attribute("style"), style.utf8.count < 10_000, Self.makesBlock(style) { return true }
    guard !blockRules.isEmpty else { return false }
    if blockRules.contains(name) { return true }
    if let id = node.attribute("id"), blockRules.contains("#" + id) { return true }
    return (node.attribute("class") ?? "").split(whereSeparator: \.isWhitespace).contains {
      blockRules.contains("." + $0)
    }
  }

  /// The CSS style of a list's marks; nil if no style sets it.
  func listStyle(_ node: HTMLNode) -> String? {
    if let style = node.attribute("style"), let mark = Self.listStyle(of: style) { return mark }
    guard !listRules.isEmpty else { return nil }
    if let id = node.attribute("id"), let mark = listRules["#" + id] { return mark }
    for name in (node.attribute("class") ?? "").split(whereSeparator: \.isWhitespace) {
      if let mark = listRules["." + name] { return mark }
    }
    return listRules[node.name]
  }

  private static func listStyle(of declarations: some StringProtocol) -> String? {
    guard declarations.utf8.count > 10, String(declarations).contains("list-style") else { return nil }
    guard
      let match = String(declarations.prefix(10_000)).lowercased()
        .firstMatch(of: /list-style(?:-type)?\s*:\s*([a-z\- ]+)/)
    else { return nil }
    let known: Set<Substring> = [
      "none", "lower-alpha", "lower-latin", "upper-alpha", "upper-latin", "lower-roman", "upper-roman",
      "decimal",
      "disc", "circle", "square",
    ]
    return match.1.split(separator: " ").first(where: known.contains).map(String.init)
  }

  private static func makesBlock(_ declarations: some StringProtocol) -> Bool {
    let blocks: Set<String> = [
      "block", "inline-block", "flex", "grid", "table", "list-item", "flow-root", "table-row", "table-cell",
    ]
    for declaration in declarations.split(separator: ";") {
      let sides = declaration.split(separator: ":", maxSplits: 1)
      guard sides.count == 2, String(sides[0]).filter({ !$0.isWhitespace }).lowercased() == "display" else {
        continue
      }
      let value = sides[1].split(whereSeparator: { $0.isWhitespace || $0 == "!" }).first?.lowercased() ?? ""
      if blocks.contains(value) { return true }
    }
    return false
  }

  /// - Returns: nil for declarations that do not affect visibility.
  private static func hides(_ declarations: some StringProtocol) -> Bool? {
    var result: Bool?
    for declaration in declarations.split(separator: ";") {
      let sides = declaration.split(separator: ":", maxSplits: 1)
      guard sides.count == 2 else { continue }
      let name = String(sides[0]).filter { !$0.isWhitespace }.lowercased()
      let value = sides[1].split(whereSeparator: { $0.isWhitespace || $0 == "!" }).first?.lowercased() ?? ""
      switch (name, value) {
      case ("display", "none"), ("visibility", "hidden"), ("visibility", "collapse"): return true
      case ("font-size", _), ("opacity", _):
        if Double(value.prefix { $0.isNumber || $0 == "." }) == 0 { return true }
      case ("display", _), ("visibility", _): result = false
      default: break
      }
    }
    return result
  }

  private static let depthMax = 8

  private init() {}

  /// Reads the rules outside of blocks like `@media`. Whether the rules in such a block apply depends on the browser,
  /// so they only prevent that a selector counts as hidden.
  private mutating func read(_ sheet: String, depth: Int) {
    var rest = Self.withoutComments(sheet)[...]
    var count = 0
    while let open = rest.firstIndex(of: "{"), count < Self.rulesMax {
      count += 1
      // A statement like `@import "x";` may precede the selector.
      let selector =
        rest[..<open].split(separator: ";").last.map { $0.trimmingPrefix(while: \.isWhitespace) } ?? ""
      let inside = rest.index(after: open)
      var openCount = 1
      var end = inside
      while end < rest.endIndex, openCount > 0 {
        if rest[end] == "{" { openCount += 1 } else if rest[end] == "}" { openCount -= 1 }
        if openCount > 0 { end = rest.index(after: end) }
      }
      let block = rest[inside..<end]
      rest = end < rest.endIndex ? rest[rest.index(after: end)...] : rest[end...]
      if selector.hasPrefix("@") {
        // Keep only what the rules in the block may show.
        var inner = HTMLVisibility()
        if depth < Self.depthMax, !selector.hasPrefix("@media") || !selector.contains("print") {
          inner.read(String(block), depth: depth + 1)
        }
        shownSomewhere.formUnion(inner.shownSomewhere)
        for (name, isHidden) in inner.rules where !isHidden { shownSomewhere.insert(name) }
        continue
      }
      if let mark = Self.listStyle(of: block) {
        for part in selector.split(separator: ",") where Self.isSimple(part) || Self.isListClass(part) {
          let name = part.filter { !$0.isWhitespace }
          let key = name.firstIndex(of: ".").map { String(name[$0...]) } ?? String(name)
          listRules[key.first == "." || key.first == "#" ? key : key.lowercased()] = mark
        }
      }
      if let isHidden = Self.hides(block) {
        let isBlock = Self.makesBlock(block)
        for part in selector.split(separator: ",") {
          let name = part.filter { !$0.isWhitespace }
          if isBlock, Self.isSimple(part) {
            blockRules.insert(name.first == "." || name.first == "#" ? name : name.lowercased())
          }
          if Self.isSimple(part) {
            rules[name.first == "." || name.first == "#" ? name : name.lowercased()] = isHidden
          } else if !isHidden {
            for match in part.matches(of: /[.#][A-Za-z0-9_\-]+/) { shownSomewhere.insert(String(match.0)) }
          }
        }
      }
    }
  }

  /// Whether a selector is a list element with a class: `ol.steps`.
  private static func isListClass(_ selector: some StringProtocol) -> Bool {
    String(selector).filter { !$0.isWhitespace }.wholeMatch(of: /(?:ol|ul)\.[A-Za-z0-9_\-]+/) != nil
  }

  private static func isSimple(_ selector: some StringProtocol) -> Bool {
    let words = selector.split(whereSeparator: \.isWhitespace)
    guard words.count == 1, let first = words[0].first else { return false }
    let name = first == "." || first == "#" ? words[0].dropFirst() : words[0]
    return !name.isEmpty && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
  }

  private static func withoutComments(_ sheet: String) -> String {
    var result = ""
    var rest = sheet[...]
    while let open = rest.firstRange(of: "/*") {
      result += rest[..<open.lowerBound]
      guard let close = rest[open.upperBound...].firstRange(of: "*/") else { return result }
      rest = rest[close.upperBound...]
    }
    return result + rest
  }
}
