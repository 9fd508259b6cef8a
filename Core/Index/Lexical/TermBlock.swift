/// Terms of a tenant in the order of their bytes, sixteen in a block. Of each: the bytes that it shares with the term
/// before it in the block, its other bytes after their number, and in how many rows it is. Then of a term in one row
/// that row and the code of its counts; of others where their postings begin behind the tenant's first, how many bytes
/// they have, and their highest saturation in 255ths. All numbers are varints.
enum TermBlock {
  static let count = 16
}
