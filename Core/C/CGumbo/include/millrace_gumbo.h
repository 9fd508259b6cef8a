#pragma once
#include <stddef.h>

// HTML5 by libgumbo. Swift sees a tree of nodes that can be asked for little.
typedef struct millrace_html millrace_html;
typedef struct millrace_html_node millrace_html_node;

enum { MILLRACE_HTML_OTHER = 0, MILLRACE_HTML_ELEMENT = 1, MILLRACE_HTML_TEXT = 2 };

/// `bytes` are UTF-8 and stay valid as long as the document. Returns NULL when memory is short.
millrace_html *millrace_html_parse(const char *bytes, size_t count);
void millrace_html_free(millrace_html *document);
/// The element `html`, which every document has.
const millrace_html_node *millrace_html_root(const millrace_html *document);
/// A `template` is of the type OTHER: nothing in it is shown.
int millrace_html_type(const millrace_html_node *node);
/// The name of an element, not zero-terminated: as in the source for elements that gumbo does not know.
const char *millrace_html_name(const millrace_html_node *node, size_t *count);
/// The text of a text node, zero-terminated.
const char *millrace_html_text(const millrace_html_node *node);
/// The value of an element's attribute, NULL without it.
const char *millrace_html_attribute(const millrace_html_node *node, const char *name);
const millrace_html_node *millrace_html_child(const millrace_html_node *node);
const millrace_html_node *millrace_html_next(const millrace_html_node *node);
const millrace_html_node *millrace_html_parent(const millrace_html_node *node);
