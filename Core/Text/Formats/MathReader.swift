/// Writes a MathML formula on one line: 1/2, x^2, a_1, √(x). Without these signs, its digits would run together into
/// another number.
enum MathReader {
  /// Formulas are not nested this deep; the readers limit the depth of markup anyway.
  private static let depthMax = 40

  /// - Returns: the formula as its author wrote it for readers without MathML (`alttext`), else a line made of its
  ///   elements.
  static func text(of math: HTMLNode) -> String {
    if let text = math.attribute("alttext"), text.contains(where: { !$0.isWhitespace }) { return text }
    var text = ""
    write(math, 0, &text)
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// Writes a formula of Office (`m:oMath`) on one line.
  static func text(ofOffice math: XMLNode) -> String {
    var text = ""
    write(office: math, 0, &text)
    return text
  }

  private static func write(office node: XMLNode, _ depth: Int, _ text: inout String) {
    guard depth < depthMax else { return }
    /// The part of this name, in parentheses if it is more than one number or name.
    func part(_ name: String, isGrouped: Bool = true) -> String {
      var inner = ""
      for child in node.children where child.name == name { write(office: child, depth + 1, &inner) }
      let isSimple = inner.allSatisfy { $0.isLetter || $0.isNumber || $0 == "." || $0 == "," }
      return isSimple || !isGrouped ? inner : "(\(inner))"
    }
    switch node.name {
    case "t": text += node.text
    case "f": text += "\(part("num"))/\(part("den"))"
    case "sSup": text += "\(part("e"))^\(part("sup"))"
    case "sSub": text += "\(part("e"))_\(part("sub"))"
    case "sSubSup": text += "\(part("e"))_\(part("sub"))^\(part("sup"))"
    case "rad":
      let degree = part("deg")
      text +=
        degree.isEmpty || degree == "()"
        ? "√(\(part("e", isGrouped: false)))" : "root \(degree) of \(part("e"))"
    case "d": text += "(\(part("e", isGrouped: false)))"
    case "nary":
      text +=
        "∑ from \(part("sub", isGrouped: false)) to \(part("sup", isGrouped: false)) \(part("e", isGrouped: false))"
    default: for child in node.children { write(office: child, depth + 1, &text) }
    }
  }

  private static func write(_ node: HTMLNode, _ depth: Int, _ text: inout String) {
    guard depth < depthMax else { return }
    if node.isText {
      text += node.content.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      return
    }
    let parts = node.children.filter(\.isElement)
    func part(_ index: Int) -> String {
      guard parts.indices.contains(index) else { return "" }
      var inner = ""
      write(parts[index], depth + 1, &inner)
      return inner.trimmingSpaces
    }
    /// The part at this index, in parentheses if it is more than one number or name.
    func grouped(_ index: Int) -> String {
      let inner = part(index)
      return inner.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." || $0 == "," }) ? inner : "(\(inner))"
    }
    switch node.name {
    case "annotation", "annotation-xml": return
    case "mfrac": text += "\(grouped(0))/\(grouped(1))"
    case "msup": text += "\(grouped(0))^\(grouped(1))"
    case "msub": text += "\(grouped(0))_\(grouped(1))"
    case "msubsup": text += "\(grouped(0))_\(grouped(1))^\(grouped(2))"
    case "mroot": text += "root \(grouped(1)) of \(grouped(0))"
    case "msqrt":
      var inner = ""
      for child in node.children { write(child, depth + 1, &inner) }
      text += "√(\(inner.trimmingSpaces))"
    case "mo":
      var sign = ""
      for child in node.children { write(child, depth + 1, &sign) }
      text += sign == "(" || sign == ")" || sign.isEmpty ? sign : " \(sign) "
    case "mtr": text += (text.isEmpty ? "" : "; ") + parts.indices.map(part).joined(separator: ", ")
    default:
      for child in node.children { write(child, depth + 1, &text) }
    }
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    var text = self[...]
    while text.first == " " { text = text.dropFirst() }
    while text.last == " " { text = text.dropLast() }
    return String(text)
  }
}
