internal import CBert

/// The rules of all characters, as Hugging Face's tokenizer has them (`Tests/Scripts/bert_tables.py`).
struct BertTable: Sendable {
  static let shared = BertTable()

  private let blocks: [UInt16]
  private let entries: [UInt16]
  private let offsets: [UInt16]
  private let pool: [UInt8]
  private let orders: [UInt32: UInt8]

  private init() {
    blocks = unsafe Array(UnsafeBufferPointer(start: millrace_bert_blocks_pointer(), count: 0x1100))
    entries = unsafe Array(
      UnsafeBufferPointer(start: millrace_bert_entries_pointer(), count: millrace_bert_entry_count))
    offsets = unsafe Array(
      UnsafeBufferPointer(start: millrace_bert_offsets_pointer(), count: millrace_bert_offset_count))
    pool = unsafe Array(
      UnsafeBufferPointer(start: millrace_bert_pool_pointer(), count: millrace_bert_pool_count))
    let ordered = unsafe Array(
      UnsafeBufferPointer(start: millrace_bert_ordered_pointer(), count: millrace_bert_ordered_count))
    var orders: [UInt32: UInt8] = [:]
    for pair in ordered { orders[pair >> 8] = UInt8(pair & 0xFF) }
    self.orders = orders
  }

  func rule(_ scalar: UInt32) -> BertRule {
    let entry = entries[Int(blocks[Int(scalar >> 8)]) * 256 + Int(scalar & 0xFF)]
    switch Int(entry) {
    case MILLRACE_BERT_SAME: return .same
    case MILLRACE_BERT_PUNCTUATION: return .punctuation
    case MILLRACE_BERT_DROP: return .drop
    case MILLRACE_BERT_SPACE: return .space
    case MILLRACE_BERT_BARRIER: return .mark(isBarrier: true)
    case MILLRACE_BERT_MARK: return .mark(isBarrier: false)
    case MILLRACE_BERT_IDEOGRAPH: return .ideograph
    case MILLRACE_BERT_HANGUL: return .hangul
    case MILLRACE_BERT_ORDERED: return .ordered
    default:
      let isIdeograph = Int(entry) & MILLRACE_BERT_MAPPED_IDEOGRAPH != 0
      return .mapped((Int(entry) & 0x7FFF) - MILLRACE_BERT_MAPPED, isIdeograph: isIdeograph)
    }
  }

  /// The UTF-8 of a mapped text.
  func text(_ number: Int) -> ArraySlice<UInt8> { pool[Int(offsets[number])..<Int(offsets[number + 1])] }

  /// The canonical combining class of a mark that stays.
  func order(_ scalar: UInt32) -> UInt8 { orders[scalar] ?? 0 }
}
