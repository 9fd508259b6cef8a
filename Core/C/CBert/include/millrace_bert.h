#pragma once
#include <stddef.h>
#include <stdint.h>

// What BERT's uncased tokenizer does with each code point (Tests/Scripts/bert_tables.py).

enum {
  /// Stays as it is: part of a word.
  MILLRACE_BERT_SAME = 0,
  /// A word of its own.
  MILLRACE_BERT_PUNCTUATION = 1,
  /// Is removed before anything else.
  MILLRACE_BERT_DROP = 2,
  MILLRACE_BERT_SPACE = 3,
  /// A mark that is removed and ends the run of marks that are put in order.
  MILLRACE_BERT_BARRIER = 4,
  /// A mark that is removed.
  MILLRACE_BERT_MARK = 5,
  /// A word of its own.
  MILLRACE_BERT_IDEOGRAPH = 6,
  /// A Hangul syllable, which becomes two or three letters.
  MILLRACE_BERT_HANGUL = 7,
  /// A mark that stays, in the order of its combining class (`millrace_bert_ordered`).
  MILLRACE_BERT_ORDERED = 8,
  /// An entry of 16 or more, not counting the highest bit: the code point becomes text number `entry - 16` of the pool.
  /// The highest bit says that it is an ideograph.
  MILLRACE_BERT_MAPPED = 16,
  MILLRACE_BERT_MAPPED_IDEOGRAPH = 0x8000,
};

/// For each 256 code points, the index of their block of entries. Equal blocks are stored once.
const uint16_t *millrace_bert_blocks_pointer(void);
/// The entries of all blocks, 256 in each block.
const uint16_t *millrace_bert_entries_pointer(void);
/// The offset in the pool where each text begins, and then the end of the last text.
const uint16_t *millrace_bert_offsets_pointer(void);
/// The texts that code points become, in UTF-8.
const uint8_t *millrace_bert_pool_pointer(void);
/// Code point × 256 + canonical combining class of each MILLRACE_BERT_ORDERED mark, ascending.
const uint32_t *millrace_bert_ordered_pointer(void);
extern const size_t millrace_bert_entry_count, millrace_bert_offset_count, millrace_bert_pool_count,
    millrace_bert_ordered_count;
