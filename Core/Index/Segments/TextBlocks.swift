/// Blocks of texts that one search has unpacked.
package struct TextBlocks {
  struct Key: Hashable {
    var segment: Int
    var block: Int
  }

  var blocks: [Key: [[UInt8]]] = [:]

  package init() {}
}
