#pragma once
#include <stddef.h>

// Parses HTML5 with libgumbo. Swift sees a tree of opaque nodes and only these functions.
typedef struct millrace_html millrace_html;
typedef struct millrace_html_node millrace_html_node;

enum { MILLRACE_HTML_OTHER = 0, MILLRACE_HTML_ELEMENT = 1, MILLRACE_HTML_TEXT = 2 };

/// Parses `bytes`, which must be UTF-8 and stay valid until the document is freed. Returns NULL when memory is short.
millrace_html *millrace_html_parse(const char *bytes, size_t count);
void millrace_html_free(millrace_html *document);
/// The element `html`, which every document has.
const millrace_html_node *millrace_html_root(const millrace_html *document);
/// One of the types above. A `template` is of type OTHER, because browsers show nothing of it.
int millrace_html_type(const millrace_html_node *node);
/// The name of an element, not zero-terminated. Elements that gumbo does not know keep the spelling of the source.
const char *millrace_html_name(const millrace_html_node *node, size_t *count);
/// The text of a text node, zero-terminated.
const char *millrace_html_text(const millrace_html_node *node);
/// The value of an element's attribute, NULL when it is missing.
const char *millrace_html_attribute(const millrace_html_node *node, const char *name);
const millrace_html_node *millrace_html_child(const millrace_html_node *node);
const millrace_html_node *millrace_html_next(const millrace_html_node *node);
const millrace_html_node *millrace_html_parent(const millrace_html_node *node);
