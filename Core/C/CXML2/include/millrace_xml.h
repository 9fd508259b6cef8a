#pragma once
#include <stddef.h>

// libxml2's headers include ICU's, which conflict with the copy inside Swift's Foundation. So Swift sees only
// these functions.
typedef struct millrace_html millrace_html;
typedef struct millrace_node millrace_node;

enum { MILLRACE_NODE_OTHER = 0, MILLRACE_NODE_ELEMENT = 1, MILLRACE_NODE_TEXT = 2 };

// `bytes` are UTF-8, whatever the document's meta element says. Returns NULL when they can't be parsed, or
// when the parser stopped early (elements nested more than 256 deep).
millrace_html *millrace_html_parse(const void *bytes, size_t count);
void millrace_html_free(millrace_html *document);
millrace_node *millrace_html_root(millrace_html *document);
int millrace_node_type(const millrace_node *node);
// The name of an element; zero-terminated, valid as long as the document.
const char *millrace_node_name(const millrace_node *node);
// The text of a text node; may be NULL.
const char *millrace_node_content(const millrace_node *node);
millrace_node *millrace_node_child(const millrace_node *node);
millrace_node *millrace_node_next(const millrace_node *node);
// NULL above the root element.
millrace_node *millrace_node_parent(const millrace_node *node);
