"""Makes Core/C/CBert/bert_tables.c: what BERT's uncased tokenizer does with each code point.

The script asks Hugging Face's `tokenizers` (PyPI, 0.23.3) about each code point, because the model was trained with its
tokens, and its Unicode tables are older than others: they differ in which code points are unassigned or marks.

    python3 -m venv /tmp/tokenizers && /tmp/tokenizers/bin/pip install tokenizers==0.23.3
    /tmp/tokenizers/bin/python Tests/Scripts/bert_tables.py
"""
import os
import unicodedata

from tokenizers import normalizers, pre_tokenizers

FULL = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
CLEAN = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
SPLIT = pre_tokenizers.BertPreTokenizer()
# The same numbers as in millrace_bert.h.
SAME, PUNCTUATION, DROP, SPACE, BARRIER, MARK, IDEOGRAPH, HANGUL, ORDERED, MAPPED = 0, 1, 2, 3, 4, 5, 6, 7, 8, 16
MAPPED_IDEOGRAPH = 0x8000

pool, offsets = b"", [0]


def between(rule, character):
    text = rule.normalize_str("a" + character + "b")
    assert text[0] == "a" and text[-1] == "b"
    return text[1:-1]


def mapped(text):
    global pool
    pool += text.encode()
    offsets.append(len(pool))
    return MAPPED + len(offsets) - 2


def entry(point):
    if 0xD800 <= point < 0xE000:
        return DROP
    character = chr(point)
    result, order = between(FULL, character), unicodedata.combining(character)
    if result == "":
        if between(CLEAN, character) == "":
            return DROP
        # A mark that is stripped. Before that, successive marks are sorted by their combining class. A mark of class 0
        # ends such a series.
        return MARK if order else BARRIER
    if result == " ":
        return SPACE
    if 0xAC00 <= point <= 0xD7A3:
        return HANGUL
    if result[0] == " ":
        inner = result[1:-1]
        return IDEOGRAPH if inner == character else mapped(inner) | MAPPED_IDEOGRAPH
    if result != character:
        return mapped(result)
    if order:
        return ORDERED
    return PUNCTUATION if len(SPLIT.pre_tokenize_str("a" + character + "b")) == 3 else SAME


def numbers(name, kind, values):
    lines, line = [], " "
    for value in values:
        text = f" {value},"
        if len(line) + len(text) > 118:
            lines.append(line)
            line = " "
        line += text
    body = f"static const {kind} {name}[] = {{\n" + "\n".join(lines + [line]) + "\n};\n"
    return body + f"const {kind} *{name}_pointer(void) {{ return {name}; }}\n"


table = [entry(point) for point in range(0x110000)]
blocks, first = {}, []
for start in range(0, len(table), 256):
    first.append(blocks.setdefault(tuple(table[start:start + 256]), len(blocks)))
orders = [(point, unicodedata.combining(chr(point))) for point, value in enumerate(table) if value == ORDERED]
path = os.path.join(os.path.dirname(__file__), "../../Core/C/CBert/bert_tables.c")
with open(path, "w") as out:
    out.write("// Made by Tests/Scripts/bert_tables.py from tokenizers 0.23.3. Do not edit.\n#include \"millrace_bert.h\"\n\n")
    out.write(numbers("millrace_bert_blocks", "uint16_t", first))
    out.write(numbers("millrace_bert_entries", "uint16_t", [value for block in blocks for value in block]))
    out.write(numbers("millrace_bert_offsets", "uint16_t", offsets))
    out.write(numbers("millrace_bert_pool", "uint8_t", pool))
    out.write(numbers("millrace_bert_ordered", "uint32_t", [point << 8 | order for point, order in orders]))
    counts = {"entry": len(blocks) * 256, "offset": len(offsets), "pool": len(pool), "ordered": len(orders)}
    for name, count in counts.items():
        out.write(f"const size_t millrace_bert_{name}_count = {count};\n")
print(f"{len(blocks)} blocks, {len(offsets) - 1} mappings, {len(pool)} bytes, {os.path.getsize(path)} bytes of C")
