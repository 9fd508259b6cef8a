/// Up to sixteen terms of a tenant in byte order. Each term is stored as: how many bytes it shares with the previous
/// term of the block, how many other bytes it has, these bytes, and the number of rows that have the term. For a term
/// in one row, the row and the code of its counts follow. For other terms these follow: the offset of the postings from
/// the tenant's first, their length in bytes, and an upper bound of their saturations in 255ths. All numbers are
/// varints.
enum TermBlock {
  static let count = 16
}
