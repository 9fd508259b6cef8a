/// A sentence of a document with what belongs to it: its headings, its title, the names of a row's columns.
package struct SupportSource: Sendable {
  package let own: Statement
  package let frames: [Statement]

  /// - Parameter frames: headings, title, column names; each may lend its words to a sentence.
  package init(_ text: String, frames: [String] = [], isLabel: Bool = false) {
    self.init(
      text, read: frames.filter { !$0.isEmpty }.map { Statement($0, isLabel: true) }, isLabel: isLabel)
  }

  /// - Parameter read: the frames as statements, which the sentences of one section share.
  package init(_ text: String, read: [Statement], isLabel: Bool) {
    own = Statement(text, isLabel: isLabel)
    frames = read
  }
}
