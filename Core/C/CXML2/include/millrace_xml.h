#pragma once
#include <stddef.h>

// libxml2's own headers bring ICU's, which contradict those inside Swift's Foundation: a narrow door instead.
typedef struct millrace_html millrace_html;
typedef struct millrace_node millrace_node;

enum { MILLRACE_NODE_OTHER = 0, MILLRACE_NODE_ELEMENT = 1, MILLRACE_NODE_TEXT = 2 };

// `bytes` are UTF-8, whatever the document's meta element says. NULL when nothing can be made of them,
// or when the parser gave up on the way (elements nested more than 256 deep).
millrace_html *millrace_html_parse(const void *bytes, size_t count);
void millrace_html_free(millrace_html *document);
millrace_node *millrace_html_root(millrace_html *document);
int millrace_node_type(const millrace_node *node);
// Of an element; zero-terminated, valid as long as the document.
const char *millrace_node_name(const millrace_node *node);
// Of a text node; may be NULL.
const char *millrace_node_content(const millrace_node *node);
millrace_node *millrace_node_child(const millrace_node *node);
millrace_node *millrace_node_next(const millrace_node *node);
// NULL above the root element.
millrace_node *millrace_node_parent(const millrace_node *node);
